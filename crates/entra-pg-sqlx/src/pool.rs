//! Opens a pool whose connections get their tokens by a strategy, however the pool is opened.

use std::{pin::pin, sync::Arc, time::Duration};

use entra_pg_core::{
    Error, Login, LoginProvider,
    connect::{Attempt, Failure, Step},
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::time::{sleep, timeout};

use crate::{Strategy, pool_tokens::PoolTokens};

/// How long before its deadline the cause of a connect that has not ended is looked for, while it goes on.
const DIAGNOSIS: Duration = Duration::from_secs(2);

/// Why a pool was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenFailure {
    /// sqlx could not connect.
    Driver(Arc<sqlx::Error>),
    /// Something else went wrong.
    Other(Error),
}

impl From<sqlx::Error> for OpenFailure {
    fn from(error: sqlx::Error) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<sqlx::Error>> for OpenFailure {
    fn from(error: Arc<sqlx::Error>) -> Self {
        Self::Driver(error)
    }
}

impl From<Error> for OpenFailure {
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
    T: Send + 'static,
    F: Future<Output = Result<(T, PgPool), OpenFailure>> + Send + 'static,
{
    PoolTokens::check(strategy, &provider, &options)?;
    let (open, options, of) = (&open, &options, &provider);
    let connecting = |login: Login, attempt: Attempt| async move {
        attempt.set_step(Step::Connecting);
        let tokens = PoolTokens::prepare(strategy, of, login, options.clone())?;
        let opening = attempt.spawn(open(tokens.options().clone()));
        match within_deadline(opening, &tokens, &attempt).await? {
            Ok((opened, pool)) => {
                tokens.attach(&pool)?;
                Ok(opened)
            }
            Err(OpenFailure::Driver(error)) => Err(tokens.failure(&error, &attempt).await),
            Err(OpenFailure::Other(error)) => Err(error.into()),
        }
    };
    provider.connect(adapter, connecting).await
}

/// Waits for the pool until the deadline. A pool tries again until then, and does not say why; so the cause is looked for
/// shortly before.
async fn within_deadline<T>(
    mut opening: impl Future<Output = Option<Result<T, OpenFailure>>> + Unpin,
    tokens: &PoolTokens,
    attempt: &Attempt,
) -> Result<Result<T, OpenFailure>, Failure> {
    let timed_out = Arc::new(sqlx::Error::PoolTimedOut);
    let ended = |opened: Option<_>| opened.unwrap_or_else(|| Err(sqlx::Error::PoolClosed.into()));
    let diagnosis = DIAGNOSIS.min(attempt.remaining() / 3);
    let early = attempt.remaining().saturating_sub(diagnosis);
    if let Ok(opened) = timeout(early, &mut opening).await {
        return Ok(ended(opened));
    }
    let until_deadline = attempt.remaining();
    if !tokens.can_diagnose() {
        if let Ok(opened) = timeout(until_deadline, &mut opening).await {
            return Ok(ended(opened));
        }
        // What it waited for then notices that nobody waits for it.
        drop(opening);
        return Err(tokens.failure(&timed_out, attempt).await);
    }
    let (mut cause, mut found) = (pin!(tokens.failure(&timed_out, attempt)), None);
    let mut deadline = pin!(sleep(until_deadline));
    loop {
        tokio::select! {
            opened = &mut opening => return Ok(ended(opened)),
            failure = &mut cause, if found.is_none() => found = Some(failure),
            () = &mut deadline => return Err(found.unwrap_or_else(Failure::timed_out)),
        }
    }
}
