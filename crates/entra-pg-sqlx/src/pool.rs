//! Opens a pool whose connections get their tokens by a strategy, however the pool is opened.

use std::{sync::Arc, time::Duration};

use entra_pg_core::{
    Error, Login, LoginProvider,
    connect::{Attempt, Step},
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::time::timeout;

use crate::{Strategy, pool_tokens::PoolTokens};

/// So that what ends at the same limit within the proxy can still say where it stopped.
const GRACE: Duration = Duration::from_secs(1);

/// Why a pool was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// sqlx could not connect.
    Driver(Arc<sqlx::Error>),
    /// Something else went wrong.
    Other(Error),
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(Arc::new(error))
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Connects a pool that `open` opens with the connect options it is given. For adapters on top of this one, whose name is
/// used in logs and metrics; others use [`connect`](crate::connect).
///
/// `options` are those of [`connect_options`](crate::connect_options) as the user has changed them. `open` returns what the
/// adapter gives its users, and the pool in it. It is called again if the server refuses the token and another can help.
///
/// # Errors
/// As [`connect`](crate::connect), and those of `open`.
pub async fn connect_pool<T, F>(
    adapter: &'static str,
    provider: LoginProvider,
    strategy: Strategy,
    options: PgConnectOptions,
    open: impl Fn(PgConnectOptions) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<(T, PgPool), OpenError>>,
{
    let (open, options, of) = (&open, &options, &provider);
    let connecting = |login: Login, attempt: Attempt| async move {
        attempt.set_step(Step::Connecting);
        let tokens = PoolTokens::prepare(strategy, of, login, options.clone())?;
        let limit = attempt.remaining().saturating_add(GRACE);
        let opened = timeout(limit, open(tokens.options().clone())).await;
        match opened.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into())) {
            Ok((opened, pool)) => {
                tokens.attach(&pool);
                Ok(opened)
            }
            Err(OpenError::Driver(error)) => Err(tokens.failure(&error).await),
            Err(OpenError::Other(error)) => Err(error.into()),
        }
    };
    provider.connect(adapter, connecting).await
}
