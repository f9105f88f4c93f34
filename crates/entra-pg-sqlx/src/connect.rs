//! The one verb: `connect_entra`.

use std::{future::Future, time::Duration};

use entra_pg_core::{
    Database, Error, IntoTarget,
    observe::{Connect, Step},
};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{Strategy, Supply, options};

/// So that what ends at the same limit within the proxy can still say where it stopped.
const GRACE: Duration = Duration::from_secs(1);

/// Connects a pool with Microsoft Entra tokens. Implemented for sqlx's own [`PgPoolOptions`], all of which keep their meaning.
pub trait ConnectEntra: Sized {
    /// Connects a pool whose connections get their tokens as `strategy` says: given `&Entra`, the first one is fetched now, and
    /// tokens are rotated until [`PgPool::close`].
    ///
    /// The token is waited for at most for the target's `connect_timeout`, and so is the first connection; the pool's own
    /// `acquire_timeout` may end that sooner. Cancelling leaves nothing behind.
    ///
    /// # Errors
    /// What is wrong with the target, the token endpoint's own error, or why the first connection failed.
    fn connect_entra<'a>(
        self,
        target: impl IntoTarget + Send,
        strategy: impl Into<Strategy<'a>> + Send,
    ) -> impl Future<Output = Result<PgPool, Error>> + Send {
        self.connect_entra_with(target, strategy, |options| options)
    }

    /// As [`connect_entra`](Self::connect_entra), with a function that changes the connect options: statement cache,
    /// logging, further settings. User, password and `ssl_mode` are set after it.
    ///
    /// # Errors
    /// As [`connect_entra`](Self::connect_entra).
    fn connect_entra_with<'a>(
        self,
        target: impl IntoTarget + Send,
        strategy: impl Into<Strategy<'a>> + Send,
        change: impl FnOnce(PgConnectOptions) -> PgConnectOptions + Send,
    ) -> impl Future<Output = Result<PgPool, Error>> + Send;
}

impl ConnectEntra for PgPoolOptions {
    async fn connect_entra_with<'a>(
        self,
        target: impl IntoTarget + Send,
        strategy: impl Into<Strategy<'a>> + Send,
        change: impl FnOnce(PgConnectOptions) -> PgConnectOptions + Send,
    ) -> Result<PgPool, Error> {
        let strategy = strategy.into();
        let database = strategy.entra().database(target)?;
        let connect = Connect::new("sqlx", database.target());
        connect
            .run(Box::pin(open(self, &connect, strategy, database, change)))
            .await
    }
}

async fn open(
    pool_options: PgPoolOptions,
    connect: &Connect,
    strategy: Strategy<'_>,
    database: Database,
    change: impl FnOnce(PgConnectOptions) -> PgConnectOptions + Send,
) -> Result<PgPool, Error> {
    let limit = database.target().connect_timeout();
    let options = change(options::base(database.target()));
    let supply = Supply::new(strategy, database, options).await?;
    connect.progress().reach(Step::Connecting);
    let connected = pool_options.connect_with(supply.options().clone());
    let pool = timeout(limit.saturating_add(GRACE), connected)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut));
    match pool {
        Ok(pool) => {
            supply.attach(&pool);
            Ok(pool)
        }
        Err(error) => Err(supply.explain(&error, connect).await),
    }
}
