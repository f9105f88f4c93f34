//! Requests to cancel a query.

use entra_pg_core::{
    Error,
    connect::{Attempt, Failure, Step},
};
use tokio_postgres::CancelToken;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Connector, connector::ADAPTER, failure::failure, tls::ReportingTls};

impl Connector {
    /// Cancels the query that runs on the connection of this token, as
    /// [`Client::cancel_token`](tokio_postgres::Client::cancel_token) returns it. The driver's own
    /// [`cancel_query`](CancelToken::cancel_query) needs the TLS that the connection was opened with: with `NoTls` it fails
    /// before it sends anything. This one has it.
    ///
    /// It asks the server that runs the query, whichever of the target's hosts that is, over a connection of its own, within
    /// the target's `connect_timeout`, and needs no token. `Ok` means that the server was asked. If the query is cancelled, it
    /// fails with [`SqlState::QUERY_CANCELED`](tokio_postgres::error::SqlState::QUERY_CANCELED), and its connection can be used
    /// again; if it has just ended, nothing happens, or the next one on that connection is cancelled: so take no connection out
    /// of a pool for something else in between.
    ///
    /// Cancelling this call closes its connection; the request may have been sent.
    ///
    /// # Errors
    /// The server could not be asked. [`last_error`](Self::last_error) does not keep it, since it is not that of a connect.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use entra_pg_tokio_postgres::{Connector, Entra};
    /// use tokio::time::timeout;
    ///
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// let connector = Connector::new(url, &Entra::from_env()?)?;
    /// let client = connector.connect_and_spawn().await?;
    ///
    /// let report = client.batch_execute("REFRESH MATERIALIZED VIEW report");
    /// if timeout(Duration::from_secs(30), report).await.is_err() {
    ///     // Without this, the server goes on with it.
    ///     connector.cancel(&client.cancel_token()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn cancel(&self, token: &CancelToken) -> Result<(), Error> {
        let attempt = self.0.provider.attempt(ADAPTER);
        let cancelled = ask(token, self.0.tls.clone(), &attempt).await;
        cancelled.map_err(|failure| failure.into_error("", &attempt))
    }
}

/// Over a connection of its own. The driver leads it to the address, and checks it against the name, of the query's.
async fn ask(
    token: &CancelToken,
    tls: MakeRustlsConnect,
    attempt: &Attempt,
) -> Result<(), Failure> {
    let asking = token.cancel_query(ReportingTls::new(tls, attempt.clone()));
    match attempt.timeout(Step::TcpConnect, asking).await? {
        Ok(()) => Ok(()),
        Err(error) => Err(failure(error, attempt, None).await),
    }
}
