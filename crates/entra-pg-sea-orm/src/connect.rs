//! The one verb: `connect`.
//!
//! SeaORM keeps a user's `map_sqlx_postgres_opts` closure in a single slot that nobody else can read; setting ours would
//! discard theirs. So the options are first used for a lazy pool that never connects, and what it would have connected
//! with, the user's closure applied, is what ours goes on from.

use entra_pg_sqlx::{
    Strategy, Supply,
    core::{
        Database, Error, ErrorKind, Target, chain,
        observe::{Connect, Step},
    },
};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, postgres::PgConnectOptions},
};

/// Connects with the options' URL. Connections get their tokens as `strategy` says: given `&Entra`, the first one is fetched
/// now, and tokens are rotated until the connection is closed.
///
/// The token is waited for at most for the URL's `connect_timeout`. The first connection is waited for as SeaORM does: for
/// the options' own `acquire_timeout` or `connect_timeout`, 30 s by default. Cancelling leaves nothing behind.
///
/// # Errors
/// What is wrong with the URL, the token endpoint's own error, or why the first connection failed. An error of
/// `after_connect` is its [`source`](std::error::Error::source).
pub async fn connect(
    options: impl Into<ConnectOptions>,
    strategy: impl Into<Strategy<'_>>,
) -> Result<DatabaseConnection, Error> {
    connect_with(options, strategy, Ok).await
}

/// As [`connect`], with a function that changes what was read from the URL: the scope, or root certificates from memory.
/// Host, port and database are the URL's; a target for another host is refused.
///
/// # Errors
/// As [`connect`], and those of `change`.
pub async fn connect_with(
    options: impl Into<ConnectOptions>,
    strategy: impl Into<Strategy<'_>>,
    change: impl FnOnce(Target) -> Result<Target, Error>,
) -> Result<DatabaseConnection, Error> {
    let (options, strategy) = (options.into(), strategy.into());
    let target = change(Target::parse(options.get_url())?)?;
    let database = strategy.entra().database(target)?;
    let connect = Connect::new("sea-orm", database.target());
    connect
        .run(Box::pin(open(options, &connect, strategy, database)))
        .await
}

/// What SeaORM makes of the options: logging, timeouts, settings, the user's closure.
async fn user_options(options: &ConnectOptions) -> Result<PgConnectOptions, Error> {
    let mut lazy = options.clone();
    lazy.connect_lazy(true)
        .min_connections(0)
        .after_connect(|_| Box::pin(async { Ok(()) }))
        .map_sqlx_postgres_pool_opts(|pool| pool);
    let unconnected = sea_orm::Database::connect(lazy).await.map_err(|error| {
        Error::new(ErrorKind::InvalidTarget, chain(&error))
            .with_hint("correct the connect options: SeaORM cannot use them")
    })?;
    let prepared = unconnected.get_postgres_connection_pool().connect_options();
    Ok(prepared.as_ref().clone())
}

async fn open(
    mut options: ConnectOptions,
    connect: &Connect,
    strategy: Strategy<'_>,
    database: Database,
) -> Result<DatabaseConnection, Error> {
    let supply = Supply::new(strategy, database, user_options(&options).await?).await?;
    connect.progress().reach(Step::Connecting);
    let ours = supply.options().clone();
    options.map_sqlx_postgres_opts(move |_| ours.clone());
    match sea_orm::Database::connect(options).await {
        Ok(connection) => {
            supply.attach(connection.get_postgres_connection_pool());
            Ok(connection)
        }
        Err(error) => Err(explain(error, &supply, connect).await),
    }
}

async fn explain(error: DbErr, supply: &Supply, connect: &Connect) -> Error {
    match &error {
        DbErr::Conn(RuntimeErr::SqlxError(cause)) => supply.explain(cause, connect).await,
        DbErr::ConnectionAcquire(_) => supply.explain(&sqlx::Error::PoolTimedOut, connect).await,
        other => Error::new(ErrorKind::Connect, chain(other))
            .with_hint("SeaORM, or a closure of its options, refused the connection")
            .with_source(error),
    }
}
