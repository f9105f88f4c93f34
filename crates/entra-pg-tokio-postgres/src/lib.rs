#![doc = include_str!("../README.md")]

#[cfg(feature = "bb8")]
mod bb8_pool;
mod connector;
#[cfg(feature = "deadpool")]
mod deadpool_pool;
mod failure;
mod progress;

#[cfg(feature = "bb8")]
pub use bb8;
#[cfg(feature = "deadpool")]
pub use deadpool;
pub use entra_pg_core as core;
pub use tokio_postgres;

pub use self::{
    connector::{Connection, Connector, connect},
    progress::TlsStream,
};
