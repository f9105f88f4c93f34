//! The checker's side of `sync.rs` in the core: the same names, and a scheduling point before everything that another task
//! could see. All of an execution runs on one thread, so its state lies in thread-locals that are reset before each.
//!
//! The memory model is sequentially consistent: what `arc_swap` and Tokio's channel do inside is taken on trust.

mod swap;
pub(crate) mod tasks;
pub(crate) mod time;
pub(crate) mod watch;

pub(crate) use shuttle::sync::{Mutex, MutexGuard};

pub(crate) use self::{
    swap::ArcSwapOption,
    tasks::{AbortHandle, Handle},
    time::{Instant, sleep, timeout},
};

/// Another task may run here.
pub(crate) fn scheduling_point() {
    use shuttle::sync::atomic::{AtomicBool, Ordering};
    AtomicBool::new(false).load(Ordering::SeqCst);
}
