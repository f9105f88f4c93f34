#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod credential;
mod database;
mod entra;
mod error;
mod guide;
#[doc(hidden)]
pub mod observe;
mod redact;
mod rejection;
mod target;
mod token;

pub use azure_core;

pub use self::{
    credential::ManagedIdentity,
    database::{Database, Login},
    entra::{Builder, Entra},
    error::{Error, ErrorKind, Phase, chain},
    redact::redact,
    rejection::Rejection,
    target::{IntoTarget, Roots, Scope, Target},
    token::{Claims, RefreshPolicy, Status, Token, TokenCache},
};
