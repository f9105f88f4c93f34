#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The checker has tests of its own; the unit tests are for the real clock and tasks.
#![cfg_attr(interleavings, cfg(not(test)))]

mod credential;
mod database;
mod entra;
mod environment;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod guide;
#[doc(hidden)]
pub mod observe;
mod redact;
mod rejection;
mod sync;
mod target;
mod token;

pub use azure_core;

#[cfg(interleavings)]
pub use self::token::scenarios;
pub use self::{
    credential::ManagedIdentity,
    database::{Database, Login},
    entra::{Builder, Entra},
    error::{Error, ErrorKind, Phase, chain},
    redact::redact,
    rejection::Rejection,
    target::{CustomRoots, Host, IntoTarget, Parameter, RootCertificates, Scope, Target},
    token::{Claims, RefreshPolicy, Status, Token, TokenCache, TokenUpdates},
};
