#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "bb8")]
mod bb8_pool;
mod builder;
mod cancel;
mod check;
mod connector;
#[cfg(feature = "deadpool")]
mod deadpool_pool;
#[cfg(feature = "deadpool-postgres")]
mod deadpool_postgres_config;
#[cfg(feature = "deadpool-postgres")]
mod deadpool_postgres_pool;
#[cfg(feature = "deadpool-postgres")]
mod driver_error;
mod failure;
mod liveness;
mod open;
mod options;
mod server_state;
mod tls;

#[cfg(feature = "bb8")]
pub use bb8;
#[cfg(feature = "deadpool")]
pub use deadpool;
#[cfg(feature = "deadpool-postgres")]
pub use deadpool_postgres;
pub use entra_pg_core::{self, Entra, Error, ErrorKind};
pub use tokio_postgres;

#[cfg(feature = "deadpool-postgres")]
pub use self::deadpool_postgres_config::target_from_deadpool_config;
pub use self::{
    builder::ConnectorBuilder,
    connector::{Connection, Connector, connect_and_spawn},
    tls::TlsStream,
};
