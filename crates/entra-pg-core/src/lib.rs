#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The checker has tests of its own; the unit tests are for the real clock and tasks.
#![cfg_attr(interleavings, cfg(not(test)))]

pub mod connect;
mod credential;
mod entra;
mod entra_builder;
mod environment;
mod error;
pub mod error_codes;
mod error_kind;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod jwt;
mod live_tokens;
mod observe;
mod sync;
mod target;
mod token;
mod workers;

pub use azure_core;

#[cfg(interleavings)]
pub use self::token::scenarios;
pub use self::{
    connect::{Login, LoginProvider, Rejection},
    credential::ManagedIdentity,
    entra::Entra,
    entra_builder::EntraBuilder,
    error::Error,
    error_kind::{ErrorKind, Phase},
    target::{
        CustomRoots, Host, IntoTarget, Keepalive, LoadBalanceHosts, Parameter, RootCertificates,
        Scope, Target, TargetSessionAttrs,
    },
    token::{Claims, RefreshPolicy, Status, Token, TokenCache, TokenUpdates},
};
