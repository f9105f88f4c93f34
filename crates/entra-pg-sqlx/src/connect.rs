//! The one verb: `connect_entra`.

use std::future::Future;

use entra_pg_core::{
    Database, Entra, Error, IntoTarget,
    observe::{Connect, Step},
};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{failure::explain_connect, options, rotate};

/// Connects a pool with Microsoft Entra tokens. Implemented for sqlx's own [`PgPoolOptions`], all of which keep their meaning.
pub trait ConnectEntra: Sized {
    /// Fetches a token, connects the pool with it, and rotates tokens until [`PgPool::close`].
    ///
    /// The token is waited for at most for the target's `connect_timeout`, and so is the first connection; the pool's own
    /// `acquire_timeout` may end that sooner. Cancelling leaves nothing behind.
    ///
    /// # Errors
    /// What is wrong with the target, the token endpoint's own error, or why the first connection failed.
    fn connect_entra(
        self,
        target: impl IntoTarget + Send,
        entra: &Entra,
    ) -> impl Future<Output = Result<PgPool, Error>> + Send {
        self.connect_entra_with(target, entra, |options| options)
    }

    /// As [`connect_entra`](Self::connect_entra), with a function that changes the connect options: statement cache,
    /// logging, further settings. User, password and `ssl_mode` are set after it.
    ///
    /// # Errors
    /// As [`connect_entra`](Self::connect_entra).
    fn connect_entra_with(
        self,
        target: impl IntoTarget + Send,
        entra: &Entra,
        change: impl FnOnce(PgConnectOptions) -> PgConnectOptions + Send,
    ) -> impl Future<Output = Result<PgPool, Error>> + Send;
}

impl ConnectEntra for PgPoolOptions {
    async fn connect_entra_with(
        self,
        target: impl IntoTarget + Send,
        entra: &Entra,
        change: impl FnOnce(PgConnectOptions) -> PgConnectOptions + Send,
    ) -> Result<PgPool, Error> {
        let database = entra.database(target)?;
        let connect = Connect::new("sqlx", database.target());
        connect
            .run(Box::pin(open(self, &connect, &database, change)))
            .await
    }
}

async fn open(
    pool_options: PgPoolOptions,
    connect: &Connect,
    database: &Database,
    change: impl FnOnce(PgConnectOptions) -> PgConnectOptions + Send,
) -> Result<PgPool, Error> {
    let login = database.login().await?;
    let options = options::seal(change(options::base(database.target())), database, &login)?;
    connect.progress().reach(Step::Connecting);
    let limit = database.target().connect_timeout();
    let pool = timeout(limit, pool_options.connect_with(options.clone()))
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut));
    match pool {
        Ok(pool) => {
            rotate(&pool, database, &login).detach();
            Ok(pool)
        }
        Err(error) => {
            let error = explain_connect(&error, &options).await;
            connect.refused(&error);
            Err(error)
        }
    }
}
