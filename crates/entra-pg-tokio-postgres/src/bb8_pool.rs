//! The connector as a manager of a bb8 pool.

use entra_pg_core::Error;
use tokio_postgres::Client;

use crate::Connector;

impl bb8::ManageConnection for Connector {
    type Connection = Client;
    type Error = Error;

    async fn connect(&self) -> Result<Client, Error> {
        self.connect_and_spawn().await
    }

    async fn is_valid(&self, client: &mut Client) -> Result<(), Error> {
        self.liveness().is_valid(client).await
    }

    fn has_broken(&self, client: &mut Client) -> bool {
        client.is_closed()
    }
}
