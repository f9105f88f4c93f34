//! Opens connections: a fresh token, TCP, verified TLS and authentication, within one deadline.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entra_pg_core::{
    Database, Entra, Error, ErrorKind, IntoTarget, Login, Target, chain,
    observe::{self, Connect, Step},
};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{
    Client, Config, Socket,
    config::{ChannelBinding, Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    failure::explain,
    progress::{Tls, TlsStream},
};

/// The half of a connection that does its I/O. Spawn it; it ends when the client is dropped.
pub type Connection = tokio_postgres::Connection<Socket, TlsStream>;

/// How this crate's connects are called in logs and metrics.
const ADAPTER: &str = "tokio-postgres";

type Change = dyn Fn(&mut Config) + Send + Sync;

/// Opens connections to one database. Cheap to clone; with the features `bb8` and `deadpool` it is a pool's manager.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    database: Database,
    change: Option<Box<Change>>,
    tls: MakeRustlsConnect,
    last_error: Mutex<Option<Error>>,
}

/// Opens one connection and spawns the task that does its I/O. The task ends when the client is dropped.
///
/// # Errors
/// As [`Connector::new`] and [`Connector::connect`].
pub async fn connect(target: impl IntoTarget, entra: &Entra) -> Result<Client, Error> {
    Connector::new(target, entra)?.connect_and_spawn().await
}

impl Connector {
    /// A connector for a URL or a [`Target`].
    ///
    /// # Errors
    /// What is wrong with the target. Nothing is requested or connected yet.
    pub fn new(target: impl IntoTarget, entra: &Entra) -> Result<Self, Error> {
        Self::build(target, entra, None)
    }

    /// As [`new`](Self::new), with a function that changes each connection's configuration: keepalives, target session
    /// attributes, further startup settings. User, password and TLS mode are set after it; another host is refused.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_config(
        target: impl IntoTarget,
        entra: &Entra,
        change: impl Fn(&mut Config) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Self::build(target, entra, Some(Box::new(change)))
    }

    fn build(
        target: impl IntoTarget,
        entra: &Entra,
        change: Option<Box<Change>>,
    ) -> Result<Self, Error> {
        let database = entra.database(target)?;
        let certificates = database.target().root_certificates().to_der()?;
        let tls = entra_pg_rustls::client_config(certificates);
        Ok(Self(Arc::new(Inner {
            database,
            change,
            tls: MakeRustlsConnect::new((*tls).clone()),
            last_error: Mutex::default(),
        })))
    }

    /// Where it connects to.
    pub fn target(&self) -> &Target {
        self.0.database.target()
    }

    /// Opens a connection, within the target's `connect_timeout`. A token that the server refuses is replaced and tried
    /// once more, if that can help. Cancelling closes what was opened.
    ///
    /// # Errors
    /// The token endpoint's own error, or why the connection failed. The last one is kept for
    /// [`last_error`](Self::last_error), and logged as a warning, since pools tend to hide it.
    pub async fn connect(&self) -> Result<(Client, Connection), Error> {
        self.connect_and(async |client, connection| Ok((client, connection)))
            .await
    }

    /// As [`connect`](Self::connect), with a further step that makes the connection ready for use. It shares the deadline,
    /// and its error is remembered and logged like any other.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and those of `prepare`.
    pub async fn connect_and<T>(
        &self,
        prepare: impl AsyncFnOnce(Client, Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.connect_as(ADAPTER, prepare).await
    }

    /// As [`connect_and`](Self::connect_and), under the name of another adapter in logs and metrics.
    ///
    /// # Errors
    /// As [`connect_and`](Self::connect_and).
    #[doc(hidden)]
    pub async fn connect_as<T>(
        &self,
        adapter: &'static str,
        prepare: impl AsyncFnOnce(Client, Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let connect = Connect::new(adapter, self.target());
        let result = connect
            .run(Box::pin(self.0.connect(&connect, prepare)))
            .await;
        self.0.remember(result.as_ref().err());
        result
    }

    /// As [`connect`](Self::connect), and spawns the task that does the connection's I/O.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_and_spawn(&self) -> Result<Client, Error> {
        let (client, connection) = self.connect().await?;
        let target = self.target().clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                observe::connection_lost(ADAPTER, &target, &chain(&error));
            }
        });
        Ok(client)
    }

    /// Why the latest connect failed; `None` once one has succeeded. For a pool that only says that time is up.
    pub fn last_error(&self) -> Option<Error> {
        self.0.memory().clone()
    }
}

/// The time that a connect has, and how much of it went by before the server was dialled.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    limit: Duration,
    token_took: Duration,
}

impl Deadline {
    fn passed(self, step: Step) -> Error {
        step.timed_out(self.limit, self.token_took)
    }
}

impl Inner {
    async fn connect<T>(
        &self,
        connect: &Connect,
        prepare: impl AsyncFnOnce(Client, Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (begin, limit) = (Instant::now(), self.database.target().connect_timeout());
        let login = self.database.login().await?;
        let deadline = Deadline {
            at: begin + limit,
            limit,
            token_took: begin.elapsed(),
        };
        let (client, connection) = match self.open(connect, &login, deadline).await {
            Err(refused) => self.open_again(connect, refused, &login, deadline).await?,
            Ok(opened) => opened,
        };
        connect.progress().reach(Step::Preparation);
        timeout_at(deadline.at, prepare(client, connection))
            .await
            .unwrap_or_else(|_| Err(deadline.passed(Step::Preparation)))
    }

    /// Once more with another token, if that can help. The first refusal stands if the second attempt only runs out of time.
    async fn open_again(
        &self,
        connect: &Connect,
        refusal: Error,
        refused: &Login,
        deadline: Deadline,
    ) -> Result<(Client, Connection), Error> {
        let ErrorKind::Rejected(rejection) = refusal.kind() else {
            return Err(refusal);
        };
        let patience = deadline.at.saturating_duration_since(Instant::now());
        let newer = self
            .database
            .login_after(refused, rejection, patience)
            .await;
        let Some(newer) = newer else {
            return Err(refusal);
        };
        connect.retried(&refusal, newer.token().generation());
        match self.open(connect, &newer, deadline).await {
            Err(error) if error.kind() == ErrorKind::ConnectTimeout => Err(refusal),
            result => result,
        }
    }

    async fn open(
        &self,
        connect: &Connect,
        login: &Login,
        deadline: Deadline,
    ) -> Result<(Client, Connection), Error> {
        let config = self.config(login)?;
        let progress = connect.progress();
        progress.reach(Step::Reaching);
        let tls = Tls::new(self.tls.clone(), progress.clone());
        match timeout_at(deadline.at, config.connect(tls)).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => {
                let error = explain(error, login.user(), progress.step());
                connect.refused(&error);
                Err(error)
            }
            Err(_) => Err(deadline.passed(progress.step())),
        }
    }

    fn config(&self, login: &Login) -> Result<Config, Error> {
        let mut config = base(self.database.target());
        if let Some(change) = &self.change {
            change(&mut config);
        }
        check_destination(&config, self.database.target())?;
        config
            .user(login.user())
            .password(login.token().secret())
            // A cleartext password has nothing to bind a channel to.
            .channel_binding(ChannelBinding::Disable)
            .ssl_mode(if self.database.target().uses_tls() {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        Ok(config)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Option<Error>> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, error: Option<&Error>) {
        *self.memory() = error.cloned();
    }
}

/// A token goes to the target's host, and only there.
fn check_destination(config: &Config, target: &Target) -> Result<(), Error> {
    let leads_there = match config.get_hosts() {
        [Host::Tcp(host)] => host.eq_ignore_ascii_case(target.hosts()[0].name()),
        _ => false,
    };
    if leads_there && config.get_hostaddrs().is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidTarget,
        "the configuration was given another host",
    )
    .with_hint("give the host in the URL"))
}

fn base(target: &Target) -> Config {
    let mut config = Config::new();
    config
        .host(target.hosts()[0].name())
        .port(target.hosts()[0].port());
    if let Some(database) = target.database() {
        config.dbname(database);
    }
    if let Some(name) = target.application_name() {
        config.application_name(name);
    }
    if let Some(options) = target.options() {
        config.options(options);
    }
    config
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.0.database).finish()
    }
}
