//! The primitives of ordinary builds.

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use arc_swap::ArcSwapOption;
pub(crate) use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep, timeout},
};
