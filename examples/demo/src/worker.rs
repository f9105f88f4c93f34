//! What the adapters share: where to connect, when to work, and a count of it.

use std::time::Duration;

use entra_pg_core::Entra;
use tokio::{sync::watch, time::timeout};

/// For one operation: a checkout, with a connect if need be, and a query.
const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Worker {
    /// Without a password. The server records rows under the `application_name` in it.
    pub(crate) url: String,
    /// One for all adapters, as in any application.
    pub(crate) entra: Entra,
    /// Of pooled connections. It is a fraction of a token's lifetime, so that each lifetime sees new ones.
    pub(crate) max_lifetime: Duration,
    pub(crate) stop: watch::Receiver<()>,
    pub(crate) stats: watch::Sender<Stats>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) name: &'static str,
    pub(crate) connected: bool,
    pub(crate) operations: u64,
    pub(crate) errors: Vec<String>,
}

impl Stats {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

impl Worker {
    /// Waits for the next round. Returns `false` at the end.
    pub(crate) async fn next_round(&mut self) -> bool {
        self.stats.send_modify(|stats| stats.connected = true);
        timeout(PAUSE, self.stop.changed()).await.is_err()
    }

    /// Runs and counts one operation.
    pub(crate) async fn run<T, E: ToString>(&self, operation: impl Future<Output = Result<T, E>>) {
        let result = timeout(TIMEOUT, operation).await;
        self.stats.send_modify(|stats| match result {
            Ok(Ok(_)) => stats.operations += 1,
            Ok(Err(error)) => stats.errors.push(error.to_string()),
            Err(elapsed) => stats.errors.push(elapsed.to_string()),
        });
    }
}
