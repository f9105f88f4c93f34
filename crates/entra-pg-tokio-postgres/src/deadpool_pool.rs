//! The connector as a manager of a deadpool pool.

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use entra_pg_core::Error;
use tokio_postgres::Client;

use crate::Connector;

impl Manager for Connector {
    type Type = Client;
    type Error = Error;

    async fn create(&self) -> Result<Client, Error> {
        self.connect_and_spawn().await
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<Error> {
        if client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}
