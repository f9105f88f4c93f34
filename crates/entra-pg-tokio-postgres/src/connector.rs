//! Opens connections: a fresh token, TCP, verified TLS and authentication, within one deadline.

use std::{
    fmt,
    future::{Future, ready},
    sync::Arc,
};

use entra_pg_core::{
    Entra, Error, IntoTarget, Login, LoginProvider, Target,
    connect::{Attempt, Failure, ServerAddress, Step},
};
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    cancel::cancel,
    failure::failure,
    liveness::Liveness,
    options::{base_config, check_destination, lead_to, log_in},
    server_state::server_state,
    tls::{ReportingTls, TlsStream},
};

/// The half of a connection that does its I/O. Spawn it; it ends when the client is dropped.
pub type Connection = tokio_postgres::Connection<Socket, TlsStream>;

/// A user's changes to a connection's configuration.
pub(crate) type Configure = dyn Fn(Config) -> Config + Send + Sync;

/// The name of this crate's connects in logs and metrics.
const ADAPTER: &str = "tokio-postgres";

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
pub struct Connector(Arc<Inner>);

struct Inner {
    provider: LoginProvider,
    configure: Option<Box<Configure>>,
    tls: MakeRustlsConnect,
    liveness: Liveness,
}

/// Opens one connection and spawns the task that does its I/O. The task ends when the client is dropped.
///
/// # Errors
/// As [`Connector::new`] and [`Connector::connect`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_tokio_postgres::{Entra, connect};
///
/// let entra = Entra::from_env()?;
/// let client = connect("postgres://app@myserver.postgres.database.azure.com/orders", &entra).await?;
/// client.simple_query("SELECT 1").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(target: impl IntoTarget, entra: &Entra) -> Result<Client, Error> {
    Connector::new(target, entra)?.connect_and_spawn().await
}

impl Connector {
    /// Creates a connector for a URL or a [`Target`].
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
    pub async fn connect(&self) -> Result<(Client, Connection), Error> {
        self.connect_with(ADAPTER, |client, connection| {
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
    pub async fn connect_with<T, F>(
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
            let open = |server, attempt| async move { self.open(&server, login, &attempt).await };
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

    /// Cancels the query that runs on the connection of this token, as [`Client::cancel_token`] returns it. The driver's own
    /// [`cancel_query`](CancelToken::cancel_query) needs the TLS that the connection was opened with: with `NoTls` it fails
    /// before it sends anything. This one has it.
    ///
    /// It asks the server that runs the query, whichever of the target's hosts that is, over a connection of its own, within
    /// the target's `connect_timeout`, and needs no token. `Ok` means that the server was asked. If the query is cancelled, it
    /// fails with [`SqlState::QUERY_CANCELED`](tokio_postgres::error::SqlState::QUERY_CANCELED), and its connection can be used
    /// again; if it has just ended, nothing happens, or the next one on that connection is cancelled: so take no connection out
    /// of a pool for something else in between.
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
        let cancelled = cancel(token, self.0.tls.clone(), &attempt).await;
        cancelled.map_err(|failure| failure.into_error("", &attempt))
    }

    /// Returns why the latest connect failed; `None` once one has succeeded. For pools that only report a timeout.
    pub fn last_error(&self) -> Option<Error> {
        self.0.provider.last_error()
    }

    /// Waits for `check`, a request over an idle connection, but no longer than the
    /// [`liveness_timeout`](crate::ConnectorBuilder::liveness_timeout): a server that vanished does not refuse, it is silent.
    /// For an adapter on top of this one that checks a pool's connections.
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

    async fn open(
        &self,
        server: &ServerAddress,
        login: &Login,
        attempt: &Attempt,
    ) -> Result<(Client, Connection), Failure> {
        let Inner {
            provider,
            configure,
            tls,
            ..
        } = &*self.0;
        let mut config = base_config(provider.target(), server.host());
        if let Some(configure) = configure {
            config = configure(config);
        }
        check_destination(provider, &config)?;
        lead_to(&mut config, server);
        log_in(&mut config, provider.target(), login);
        let connecting = config.connect(ReportingTls::new(tls.clone(), attempt.clone()));
        let connected = attempt.timeout(Step::TcpConnect, connecting).await?;
        let connected = match connected {
            Ok(connected) => connected,
            Err(error) => return Err(failure(error, attempt, Some(server)).await),
        };
        if !attempt.wants_certain_server() {
            return Ok(connected);
        }
        let (client, mut connection) = connected;
        let state = server_state(&client, &mut connection);
        attempt.check_server(attempt.timeout(Step::Preparation, state).await??)?;
        Ok((client, connection))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.0.provider).finish()
    }
}
