#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "bb8", feature = "deadpool"))]
mod liveness;
mod manager;

pub use diesel;
pub use diesel_async;
pub use entra_pg_tokio_postgres::{
    Connector, ConnectorBuilder, Entra, Error, ErrorKind, entra_pg_core,
};

pub use self::manager::{connect, connect_with};
#[cfg(any(feature = "bb8", feature = "deadpool"))]
pub use self::manager::{manager, manager_with};
