//! A manager for pools, and single connections.

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
#[cfg(any(feature = "bb8", feature = "deadpool"))]
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use entra_pg_tokio_postgres::{Connector, Entra, Error, ErrorKind, entra_pg_core::IntoTarget};

#[cfg(any(feature = "bb8", feature = "deadpool"))]
use crate::liveness::bounded;

/// Creates a manager for a bb8 or deadpool pool. It checks a connection with a query when it is taken out of the pool; one that
/// does not respond within 5 s is replaced. May block as [`Connector::new`] does.
///
/// # Errors
/// What is wrong with the target. Nothing is requested or connected yet.
///
/// ```no_run
/// # #[cfg(feature = "bb8")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use diesel_async::{AsyncPgConnection, pooled_connection::bb8::Pool};
/// use entra_pg_diesel_async::{Entra, diesel_async, manager};
///
/// let entra = Entra::from_env()?;
/// let manager = manager("postgres://app@myserver.postgres.database.azure.com/orders", &entra)?;
/// let pool: Pool<AsyncPgConnection> = Pool::builder().build(manager).await?;
/// # Ok(())
/// # }
/// ```
#[cfg(any(feature = "bb8", feature = "deadpool"))]
pub fn manager(
    target: impl IntoTarget,
    entra: &Entra,
) -> Result<AsyncDieselConnectionManager<AsyncPgConnection>, Error> {
    let connector = Connector::new(target, entra)?;
    Ok(manager_with(connector, RecyclingMethod::default()))
}

/// Creates a manager that opens connections with this connector and recycles them by this method, within the connector's
/// `liveness_timeout`.
///
/// A pool gets the cause of a failed connect only as a text, in [`ConnectionError::BadConnection`], or reports just a timeout. The
/// connector's `last_error` keeps the [`Error`], with its code.
///
/// ```no_run
/// # #[cfg(feature = "bb8")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use diesel_async::pooled_connection::{RecyclingMethod, bb8::Pool};
/// use entra_pg_diesel_async::{Connector, Entra, diesel_async, manager_with};
///
/// let entra = Entra::from_env()?;
/// let connector = Connector::new("postgres://app@myserver.postgres.database.azure.com/orders", &entra)?;
/// let pool = Pool::builder().build(manager_with(connector.clone(), RecyclingMethod::Fast)).await?;
/// if let Err(error) = pool.get().await {
///     match connector.last_error() {
///         Some(cause) => eprintln!("{cause}"),
///         None => eprintln!("{error}"), // all connections are in use
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[cfg(any(feature = "bb8", feature = "deadpool"))]
pub fn manager_with(
    connector: Connector,
    recycling_method: RecyclingMethod<AsyncPgConnection>,
) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    let mut config = ManagerConfig::default();
    config.recycling_method = bounded(connector.clone(), recycling_method);
    config.custom_setup = Box::new(move |_url| {
        let connector = connector.clone();
        Box::pin(async move {
            connect_with(&connector)
                .await
                // A setup error is only a string to diesel; ours holds the whole chain.
                .map_err(|error| ConnectionError::BadConnection(error.to_string()))
        })
    });
    // The connector knows where to connect to; diesel only hands the URL back to it.
    AsyncDieselConnectionManager::new_with_config(String::new(), config)
}

/// Opens one connection, for example to run migrations. Cancelling closes what was opened.
///
/// # Errors
/// What is wrong with the target, the token endpoint's own error, or why the connection failed.
///
/// # Panics
/// Outside of a Tokio runtime, if a token is cached; if none is, that is an error.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_diesel_async::{Entra, connect};
///
/// let entra = Entra::from_env()?;
/// let connection = connect("postgres://app@myserver.postgres.database.azure.com/orders", &entra).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(target: impl IntoTarget, entra: &Entra) -> Result<AsyncPgConnection, Error> {
    connect_with(&Connector::new(target, entra)?).await
}

/// Opens one connection as [`connect`] does, with this connector: with the settings of the pool that `manager_with` makes of it.
///
/// # Errors
/// The token endpoint's own error, or why the connection failed.
///
/// # Panics
/// As [`connect`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_diesel_async::{Connector, Entra, connect_with};
///
/// let entra = Entra::from_env()?;
/// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
/// let connector = Connector::builder(url, &entra)
///     .configure(|config| {
///         config.application_name("migrations");
///     })
///     .build()?;
/// let connection = connect_with(&connector).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect_with(connector: &Connector) -> Result<AsyncPgConnection, Error> {
    // diesel sends queries of its own before it calls a connection ready, so they belong to the connect.
    connector
        .connect_as("diesel-async", |client, connection| async move {
            AsyncPgConnection::try_from_client_and_connection(client, connection)
                .await
                .map_err(|error| setup_failed(error).into())
        })
        .await
}

fn setup_failed(error: ConnectionError) -> Error {
    Error::new(ErrorKind::Connect, error.to_string())
        .with_hint("diesel sets up each session; look at the server's log for what it refused")
        .with_driver_error(error)
}
