//! What differs between Unix and Windows: how signals come and are handed on, how a program ends, and how it takes our place.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use self::unix::{Signals, exec, hand_on, status};
#[cfg(windows)]
pub(crate) use self::windows::{Signals, exec, hand_on, status};
