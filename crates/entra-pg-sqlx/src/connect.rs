//! The one verb: `connect_entra`.

use std::{future::Future, time::Duration};

use entra_pg_core::{Entra, Error, IntoTarget};
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{failure::explain, options, rotate};

/// How long we look for the cause after the pool has only said that time is up.
const DIAGNOSIS: Duration = Duration::from_secs(5);

/// Connects a pool with Microsoft Entra tokens. Implemented for sqlx's own [`PgPoolOptions`], all of which keep their meaning.
pub trait ConnectEntra: Sized {
    /// Fetches a token, connects the pool with it, and rotates tokens until [`PgPool::close`].
    ///
    /// The token is waited for at most for the target's `connect_timeout`, the first connection for the pool's own
    /// `acquire_timeout`. Cancelling leaves nothing behind.
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
        let login = database.login().await?;
        let options = options::seal(change(options::base(database.target())), &database, &login)?;
        let pool = match self.connect_with(options.clone()).await {
            Ok(pool) => pool,
            Err(error) => return Err(explain(&diagnose(&options, error).await, login.user())),
        };
        rotate(&pool, &database, &login).detach();
        Ok(pool)
    }
}

/// The pool retries a refused connection until its time is up and then forgets the reason. One more attempt finds it.
async fn diagnose(options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    match timeout(DIAGNOSIS, PgConnection::connect_with(options)).await {
        Ok(Err(cause)) => cause,
        Ok(Ok(connection)) => {
            // Nothing depends on a polite goodbye.
            let _ = connection.close_hard().await;
            error
        }
        Err(_) => error,
    }
}
