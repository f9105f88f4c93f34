//! The primitives of threads, tasks and time that the token cache uses, named in one place, so that a checker can take
//! their place (see `docs/testing.md`).

#[cfg(interleavings)]
pub(crate) mod checker;
#[cfg(not(interleavings))]
mod native;

#[cfg(interleavings)]
pub(crate) use self::checker::{
    ArcSwapOption, Handle, Instant, Mutex, MutexGuard, sleep, timeout, watch,
};
#[cfg(not(interleavings))]
pub(crate) use self::native::*;
