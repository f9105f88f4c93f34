#![doc = include_str!("../README.md")]

mod connect;
mod failure;
mod options;
#[cfg(feature = "per-connection")]
mod per_connection;
mod rotate;
mod strategy;
mod supply;

pub use entra_pg_core as core;
pub use sqlx;

pub use self::{
    connect::ConnectEntra,
    failure::explain_connect,
    options::{base, seal},
    rotate::{Rotation, rotate},
    strategy::Strategy,
    supply::Supply,
};
