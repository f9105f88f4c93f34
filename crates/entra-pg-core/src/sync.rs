//! What the token cache takes from threads, tasks and time, named in one place: the checker of interleavings has another
//! file in place of this one (see `docs/testing.md`).

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use arc_swap::ArcSwapOption;
pub(crate) use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{Instant, sleep, timeout},
};
