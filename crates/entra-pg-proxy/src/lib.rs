#![doc = include_str!("../README.md")]

mod address;
mod attempt;
mod connect;
mod dial;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod listener;
mod login;
mod peer;
mod place;
mod proxy;
mod relay;
mod response;
mod session;
mod startup;

pub use entra_pg_core as core;

pub use self::{
    address::Address,
    proxy::{Builder, Proxy},
};
