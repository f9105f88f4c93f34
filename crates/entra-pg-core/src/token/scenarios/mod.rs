//! What happens at the same time, and what must hold however it is interleaved. Each scenario is one execution of the
//! checker; none depends on real time.
//!
//! Everywhere: one request at a time, no caller waits for ever (the checker finds a deadlock), every task ends with the
//! last handle.

#![allow(clippy::missing_panics_doc, reason = "a panic is how a scenario fails")]

mod callers;
mod fixture;
mod handles;
mod rejections;
mod timeouts;

pub use self::{callers::*, handles::*, rejections::*, timeouts::*};
