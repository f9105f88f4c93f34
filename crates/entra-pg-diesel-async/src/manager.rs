//! The one verb, for a pool and for a single connection.

#[cfg(any(feature = "bb8", feature = "deadpool"))]
use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
#[cfg(any(feature = "bb8", feature = "deadpool"))]
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use entra_pg_tokio_postgres::{
    Connector,
    core::{Entra, Error, ErrorKind, IntoTarget},
};

/// A manager for a bb8 or deadpool pool. Connections are checked with a query when they are taken out of the pool.
///
/// # Errors
/// What is wrong with the target. Nothing is requested or connected yet.
#[cfg(any(feature = "bb8", feature = "deadpool"))]
pub fn manager(
    target: impl IntoTarget,
    entra: &Entra,
) -> Result<AsyncDieselConnectionManager<AsyncPgConnection>, Error> {
    let connector = Connector::new(target, entra)?;
    Ok(manager_with(connector, RecyclingMethod::default()))
}

/// A manager that opens connections with this connector and recycles them by this method.
#[cfg(any(feature = "bb8", feature = "deadpool"))]
pub fn manager_with(
    connector: Connector,
    recycling_method: RecyclingMethod<AsyncPgConnection>,
) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    let mut config = ManagerConfig::default();
    config.recycling_method = recycling_method;
    config.custom_setup = Box::new(move |_url| {
        let connector = connector.clone();
        Box::pin(async move {
            establish(&connector)
                .await
                // A setup error is only a string to diesel; ours holds the whole chain.
                .map_err(|error| ConnectionError::BadConnection(error.to_string()))
        })
    });
    // The connector knows where to connect to; diesel only hands the URL back to it.
    AsyncDieselConnectionManager::new_with_config(String::new(), config)
}

/// Opens one connection, for example to run migrations.
///
/// # Errors
/// What is wrong with the target, the token endpoint's own error, or why the connection failed.
pub async fn connect(target: impl IntoTarget, entra: &Entra) -> Result<AsyncPgConnection, Error> {
    establish(&Connector::new(target, entra)?).await
}

async fn establish(connector: &Connector) -> Result<AsyncPgConnection, Error> {
    // diesel sends queries of its own before it calls a connection ready: they belong to the connect.
    connector
        .connect_as("diesel-async", async |client, connection| {
            AsyncPgConnection::try_from_client_and_connection(client, connection)
                .await
                .map_err(|error| {
                    Error::new(ErrorKind::Connect, error.to_string())
                        .with_hint("diesel sets up each session; look at the server's log for what it refused")
                        .with_source(error)
                })
        })
        .await
}
