//! The command and the library as their users meet them, over a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's way to fail"
)]

#[cfg(unix)]
mod command;
#[cfg(unix)]
mod library;
#[cfg(unix)]
mod logins;
#[cfg(unix)]
mod processes;
