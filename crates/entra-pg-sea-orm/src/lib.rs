#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;
mod entra_options;
mod version;

pub use entra_pg_sqlx::{Entra, Error, ErrorKind, Strategy, entra_pg_core};
pub use sea_orm;

pub use self::{
    connect::{connect, connect_with},
    entra_options::EntraOptions,
};
