#![doc = include_str!("../README.md")]

mod connect;
mod entra_options;

pub use entra_pg_sqlx::{Entra, Error, ErrorKind, Strategy, entra_pg_core};
pub use sea_orm;

pub use self::{
    connect::{connect, connect_with},
    entra_options::EntraOptions,
};
