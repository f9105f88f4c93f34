//! The primitives under the checker of interleavings, with a scheduling point before everything that another task could
//! see. An execution runs on one thread, so its state lies in thread-locals that are reset before each.
//!
//! The memory model is sequentially consistent: the insides of `arc_swap` and of Tokio's channel are taken on trust.
//!
//! Only `tests/interleavings` builds this; `shuttle` is no dependency of this package.

mod schedule;
mod swap;
pub(crate) mod tasks;
pub(crate) mod time;
pub(crate) mod watch;

pub(crate) use shuttle::sync::{Mutex, MutexGuard};

pub(crate) use self::{
    schedule::scheduling_point,
    swap::ArcSwapOption,
    tasks::Handle,
    time::{Instant, sleep, timeout},
};
