//! What every contestant does, in its own ORM's way: write a row, read it back.
//!
//! Which connection did it is not for the client to say: the server fills in its own process id and when that process
//! began, and what comes back is read from the row.

use std::time::Duration;

use async_trait::async_trait;
use entra_pg_core::Entra;

/// Bounds every single step: a checkout with all its queries, a connect, a close.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Queries in a round: the row is written, and read.
pub(crate) const QUERIES_PER_ROUND: u64 = 2;

/// A row, as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) note: String,
    /// The server process that wrote it.
    pub(crate) backend: i32,
    /// When that process began, in microseconds since 1970. A process id alone may come back.
    pub(crate) opened: i64,
}

/// A program that uses one adapter.
#[async_trait]
pub(crate) trait Contestant: Send {
    /// A round on whatever connection the pool hands out, which is a new one several times per token lifetime.
    async fn fresh(&mut self, note: &str) -> Result<Seen, String>;

    /// A round on the connection that was opened first and has been held since.
    async fn kept(&mut self, note: &str) -> Result<Seen, String>;

    /// Ends all connections, as the ORM's documentation says to.
    async fn close(self: Box<Self>) -> Result<(), String>;
}

/// What a contestant is given to start with.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// `DATABASE_URL`: no password, no parameters of ours.
    pub(crate) url: String,
    /// One for all adapters, as an app would have.
    pub(crate) entra: Entra,
    /// How old a pooled connection may get. A fraction of a token's lifetime, so that each lifetime sees new ones.
    pub(crate) connection_age: Duration,
}

impl Setting {
    /// The URL under which the server knows who connects.
    pub(crate) fn url_for(&self, application: &str) -> String {
        let joint = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{joint}application_name={application}", self.url)
    }
}

/// The whole of an error, its causes included.
pub(crate) fn text(error: impl std::error::Error + 'static) -> String {
    entra_pg_core::connect::chain(&error)
}
