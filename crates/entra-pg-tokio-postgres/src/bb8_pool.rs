//! The connector as a manager of a bb8 pool.

use entra_pg_core::{Error, ErrorKind, connect::chain};
use tokio_postgres::Client;

use crate::Connector;

impl bb8::ManageConnection for Connector {
    type Connection = Client;
    type Error = Error;

    async fn connect(&self) -> Result<Client, Error> {
        self.connect_and_spawn().await
    }

    async fn is_valid(&self, client: &mut Client) -> Result<(), Error> {
        match client.simple_query("").await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::new(ErrorKind::Connect, chain(&error))
                .with_hint("an idle connection was lost; the pool opens another")
                .transient(true)
                .with_driver_error(error)),
        }
    }

    fn has_broken(&self, client: &mut Client) -> bool {
        client.is_closed()
    }
}
