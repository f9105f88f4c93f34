#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod connection;
mod events;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod listen;
mod proxy;
mod response;

pub use entra_pg_core;
pub use entra_pg_core::{Entra, Error, ErrorKind};

pub use self::{builder::ProxyBuilder, listen::Address, proxy::Proxy};
