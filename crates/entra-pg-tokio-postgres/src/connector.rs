//! Opens connections: a fresh token, TCP, verified TLS and authentication, within one deadline.

use std::{
    fmt,
    future::{Future, ready},
    sync::Arc,
};

use entra_pg_core::{
    Entra, Error, IntoTarget, Login, LoginProvider, Target,
    connect::{Attempt, Failure, Step},
};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{liveness::Liveness, tls::TlsStream};

/// The half of a connection that does its I/O. Spawn it; it ends when the client is dropped.
pub type Connection = tokio_postgres::Connection<Socket, TlsStream>;

/// A user's changes to a connection's configuration.
pub(crate) type Configure = dyn Fn(&mut Config) + Send + Sync;

/// The name of this crate's connects in logs and metrics.
pub(crate) const ADAPTER: &str = "tokio-postgres";

/// Opens connections to one database. Cheap to clone; with the features `bb8` and `deadpool` it is a pool's manager.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_tokio_postgres::{Connector, Entra};
///
/// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
/// let connector = Connector::new(url, &Entra::from_env()?)?;
/// let client = connector.connect_and_spawn().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connector(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) provider: LoginProvider,
    pub(crate) configure: Option<Box<Configure>>,
    pub(crate) tls: MakeRustlsConnect,
    pub(crate) liveness: Liveness,
}

/// Opens one connection and spawns the task that does its I/O. The task ends when the client is dropped.
///
/// # Errors
/// As [`Connector::new`] and [`Connector::connect`].
///
/// # Panics
/// As [`Connector::connect`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_tokio_postgres::{Entra, connect_and_spawn};
///
/// let entra = Entra::from_env()?;
/// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
/// let client = connect_and_spawn(url, &entra).await?;
/// client.simple_query("SELECT 1").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect_and_spawn(target: impl IntoTarget, entra: &Entra) -> Result<Client, Error> {
    Connector::new(target, entra)?.connect_and_spawn().await
}

impl Connector {
    /// Creates a connector for a URL or a [`Target`]. Blocks while it reads files: a URL's `sslrootcert`, or the platform's root
    /// certificates. That takes milliseconds, or 5 s at most where a mount is dead.
    ///
    /// # Errors
    /// What is wrong with the target. Nothing is requested or connected yet.
    pub fn new(target: impl IntoTarget, entra: &Entra) -> Result<Self, Error> {
        Self::builder(target, entra).build()
    }

    pub(crate) fn assemble(
        provider: LoginProvider,
        configure: Option<Box<Configure>>,
        tls: MakeRustlsConnect,
        liveness: Liveness,
    ) -> Self {
        Self(Arc::new(Inner {
            provider,
            configure,
            tls,
            liveness,
        }))
    }

    /// Returns where it connects to.
    pub fn target(&self) -> &Target {
        self.0.provider.target()
    }

    /// Opens a connection, within the target's `connect_timeout`. A token that the server refuses is replaced and tried
    /// once more, if that can help. Cancelling closes what was opened.
    ///
    /// # Errors
    /// The token endpoint's own error, or why the connection failed. The last one is kept for
    /// [`last_error`](Self::last_error), and logged as a warning, since pools tend to hide it.
    ///
    /// # Panics
    /// Outside of a Tokio runtime, if a token is cached; if none is, that is an error.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use entra_pg_tokio_postgres::{Connector, Entra};
    ///
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// let connector = Connector::new(url, &Entra::from_env()?)?;
    /// let (client, connection) = connector.connect().await?;
    /// tokio::spawn(connection);
    /// client.simple_query("SELECT 1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(&self) -> Result<(Client, Connection), Error> {
        self.connect_as(ADAPTER, |client, connection| {
            ready(Ok((client, connection)))
        })
        .await
    }

    /// Connects as [`connect`](Self::connect) does, for an adapter on top of this one: under that adapter's name in logs
    /// and metrics, and with a step that prepares the connection. The step shares the deadline, and its failure is logged
    /// like any other.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and those of `prepare`.
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    ///
    /// ```no_run
    /// use entra_pg_tokio_postgres::{
    ///     Connector, Error, entra_pg_core::connect::Failure, tokio_postgres::Client,
    /// };
    ///
    /// async fn in_utc(connector: &Connector) -> Result<Client, Error> {
    ///     connector
    ///         .connect_as("my-adapter", |client, connection| async {
    ///             tokio::spawn(connection);
    ///             match client.batch_execute("SET timezone = 'UTC'").await {
    ///                 Ok(()) => Ok(client),
    ///                 Err(error) => Err(Failure::broken(&error)),
    ///             }
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn connect_as<T, F>(
        &self,
        adapter: &'static str,
        prepare: impl Fn(Client, Connection) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let prepare = &prepare;
        let open = |login: Login, attempt: Attempt| async move {
            let login = &login;
            let open = |server, attempt| async move { self.0.open(&server, login, &attempt).await };
            let (client, connection) = self.0.provider.reach(&attempt, open).await?;
            let preparing = prepare(client, connection);
            attempt.timeout(Step::Preparation, preparing).await?
        };
        self.0.provider.connect(adapter, open).await
    }

    /// Connects as [`connect`](Self::connect) does, and spawns the task that does the connection's I/O.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use entra_pg_tokio_postgres::{Connector, Entra};
    ///
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// let connector = Connector::new(url, &Entra::from_env()?)?;
    /// let client = connector.connect_and_spawn().await?;
    /// client.simple_query("SELECT 1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect_and_spawn(&self) -> Result<Client, Error> {
        let (client, _) = self.connect_and_keep_task().await?;
        Ok(client)
    }

    /// With the task, for a pool that ends it itself.
    pub(crate) async fn connect_and_keep_task(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = self.connect().await?;
        let provider = self.0.provider.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                provider.report_connection_lost(ADAPTER, &error);
            }
        });
        Ok((client, task))
    }

    /// Returns why the latest connect failed. For pools that only report a timeout.
    ///
    /// `None` once a connect has succeeded: a pool whose connections are all in use times out as well.
    ///
    /// ```
    /// use entra_pg_tokio_postgres::Connector;
    ///
    /// fn explain(connector: &Connector) -> String {
    ///     match connector.last_error() {
    ///         Some(cause) => cause.to_string(),
    ///         None => "all connections are in use".to_owned(),
    ///     }
    /// }
    /// ```
    pub fn last_error(&self) -> Option<Error> {
        self.0.provider.last_error()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.0.provider).finish()
    }
}
