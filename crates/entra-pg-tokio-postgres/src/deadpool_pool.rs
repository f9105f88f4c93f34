//! The connector as a manager of a deadpool pool.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use entra_pg_core::Error;
use tokio_postgres::Client;

use crate::Connector;

/// A busy pool does not pay for a check on each query.
const RECENTLY: Duration = Duration::from_secs(1);

impl Manager for Connector {
    type Type = Client;
    type Error = Error;

    async fn create(&self) -> Result<Client, Error> {
        self.connect_and_spawn().await
    }

    async fn recycle(&self, client: &mut Client, metrics: &Metrics) -> RecycleResult<Error> {
        if client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if metrics.last_used() > RECENTLY {
            self.liveness().is_valid(client).await?;
        }
        Ok(())
    }
}
