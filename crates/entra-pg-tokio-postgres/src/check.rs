//! Checks of idle connections, for pools and for adapters on top of this one.

use std::future::Future;

use entra_pg_core::Error;

use crate::Connector;
#[cfg(any(feature = "bb8", feature = "deadpool"))]
use crate::liveness::Liveness;

impl Connector {
    /// Waits for `check`, a request over an idle connection, but no longer than the
    /// [`liveness_timeout`](crate::ConnectorBuilder::liveness_timeout): a server that vanished does not refuse, it is silent.
    /// For an adapter on top of this one that checks a pool's connections.
    ///
    /// Cancelling counts as silence once a tenth of that time has passed. The connection cannot be used again then, either.
    ///
    /// # Errors
    /// There was no response in that time. The connection cannot be used again.
    ///
    /// ```no_run
    /// use entra_pg_tokio_postgres::{Connector, tokio_postgres::Client};
    ///
    /// async fn is_alive(connector: &Connector, client: &Client) -> bool {
    ///     matches!(connector.check_liveness(client.simple_query("")).await, Ok(Ok(_)))
    /// }
    /// ```
    pub async fn check_liveness<T>(&self, check: impl Future<Output = T>) -> Result<T, Error> {
        self.0.liveness.check(check).await
    }

    #[cfg(any(feature = "bb8", feature = "deadpool"))]
    pub(crate) fn liveness(&self) -> &Liveness {
        &self.0.liveness
    }
}
