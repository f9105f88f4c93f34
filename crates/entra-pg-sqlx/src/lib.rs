#![doc = include_str!("../README.md")]

mod connect;
mod failure;
mod options;
mod rotate;

pub use entra_pg_core as core;
pub use sqlx;

pub use self::{
    connect::ConnectEntra,
    failure::explain_connect,
    options::{base, seal},
    rotate::{Rotation, rotate},
};
