#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapter;
mod connect;
mod entra_options;
mod failure;
mod options;
#[cfg(all(unix, feature = "per-connection"))]
mod per_connection;
mod pool;
mod pool_tokens;
mod rotate;
mod version;

pub use entra_pg_core::{self, Entra, Error, ErrorKind};
pub use sqlx;

pub use self::{
    connect::{connect, connect_with},
    entra_options::{EntraOptions, Strategy},
    options::{apply_login, connect_options},
    rotate::{Rotation, rotate},
};
