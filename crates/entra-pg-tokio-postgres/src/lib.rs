#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[cfg(feature = "bb8")]
mod bb8_pool;
mod builder;
mod connector;
#[cfg(feature = "deadpool")]
mod deadpool_pool;
mod failure;
mod liveness;
mod options;
mod server_state;
mod tls;

#[cfg(feature = "bb8")]
pub use bb8;
#[cfg(feature = "deadpool")]
pub use deadpool;
pub use entra_pg_core::{self, Entra, Error, ErrorKind};
pub use tokio_postgres;

pub use self::{
    builder::ConnectorBuilder,
    connector::{Connection, Connector, connect},
    tls::TlsStream,
};
