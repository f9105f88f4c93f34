#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod platform;
mod run;
mod signal;
mod signals;

pub use self::{
    error::{Error, NOT_EXECUTABLE, NOT_FOUND, WRAPPER_FAILED},
    run::{exec, run},
    signal::Signal,
    signals::Signals,
};
