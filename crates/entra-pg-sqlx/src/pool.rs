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
/// adapter gives its users, and the pool in it. It is called again if the server refuses the token and another can help. Its
/// future runs in a task of its own, so it is `Send` and `'static`; cancelling ends that task.
///
/// # Errors
/// As [`connect`](crate::connect), and those of `open`.
///
/// # Panics
/// As [`connect`](crate::connect).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sqlx::{
///     Entra, Strategy, adapter::connect_pool, connect_options, sqlx::postgres::PgPoolOptions,
/// };
///
/// let entra = Entra::from_env()?;
/// let provider = entra.login_provider("postgres://app@myserver.postgres.database.azure.com/orders")?;
/// let options = connect_options(provider.target());
/// let open = |options| async {
///     let pool = PgPoolOptions::new().connect_with(options).await?;
///     Ok((pool.clone(), pool))
/// };
/// let pool = connect_pool("my-orm", provider, Strategy::Rotate, options, open).await?;
/// # Ok(())
/// # }
/// ```
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
    let (open, options, for_target) = (&open, &options, &provider);
    let connecting = |login: Login, attempt: Attempt| async move {
        attempt.set_step(Step::Connecting);
        let tokens = PoolTokens::prepare(strategy, for_target, login, options.clone())?;
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
    let diagnosis = DIAGNOSIS.min(attempt.remaining() / 3);
    let early = attempt.remaining().saturating_sub(diagnosis);
    if let Ok(opened) = timeout(early, &mut opening).await {
        return Ok(ended(opened));
    }
    let until_deadline = attempt.remaining();
    if tokens.can_diagnose() {
        let cause = tokens.failure(&timed_out, attempt);
        return with_cause(opening, cause, until_deadline).await;
    }
    if let Ok(opened) = timeout(until_deadline, &mut opening).await {
        return Ok(ended(opened));
    }
    // What it waited for then notices that nobody waits for it.
    drop(opening);
    Err(tokens.failure(&timed_out, attempt).await)
}

/// Waits for the pool while its cause to wait is looked for. A pool that gives up meanwhile does not end the search, which
/// would have to begin again.
async fn with_cause<T>(
    mut opening: impl Future<Output = Option<Result<T, OpenFailure>>> + Unpin,
    cause: impl Future<Output = Failure>,
    until_deadline: Duration,
) -> Result<Result<T, OpenFailure>, Failure> {
    let (mut cause, mut found, mut pool_timed_out) = (pin!(cause), None, false);
    let mut deadline = pin!(sleep(until_deadline));
    loop {
        tokio::select! {
            opened = &mut opening, if !pool_timed_out => match (ended(opened), found.take()) {
                (Err(error), Some(cause)) if is_timeout(&error) => return Err(cause),
                (Err(error), None) if is_timeout(&error) => pool_timed_out = true,
                (opened, _) => return Ok(opened),
            },
            failure = &mut cause, if found.is_none() => {
                if pool_timed_out {
                    return Err(failure);
                }
                found = Some(failure);
            }
            () = &mut deadline => return Err(found.unwrap_or_else(Failure::timed_out)),
        }
    }
}

/// A task that the runtime has ended opens nothing.
fn ended<T>(opened: Option<Result<T, OpenFailure>>) -> Result<T, OpenFailure> {
    opened.unwrap_or_else(|| Err(sqlx::Error::PoolClosed.into()))
}

fn is_timeout(error: &OpenFailure) -> bool {
    matches!(error, OpenFailure::Driver(error) if matches!(**error, sqlx::Error::PoolTimedOut))
}

#[cfg(test)]
mod tests {
    use entra_pg_core::ErrorKind;

    use super::*;

    async fn after<T>(seconds: u64, result: T) -> T {
        sleep(Duration::from_secs(seconds)).await;
        result
    }

    /// The pool ends with `opened` after the first time, the search after the second, and the deadline is at 5 s.
    async fn outcome(
        (pool, opened): (u64, Result<(), OpenFailure>),
        cause: u64,
    ) -> Result<Result<(), OpenFailure>, Failure> {
        let opening = pin!(after(pool, Some(opened)));
        let refused = Failure::from(Error::new(ErrorKind::Connect, "it starts up"));
        with_cause(opening, after(cause, refused), Duration::from_secs(5)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_cause_is_neither_thrown_away_nor_looked_for_again() {
        let timed_out = || Err(sqlx::Error::PoolTimedOut.into());
        for (pool, cause) in [(3, 1), (1, 3), (9, 1)] {
            let failure = outcome((pool, timed_out()), cause).await.expect_err("none");
            assert!(
                format!("{failure:?}").contains("it starts up"),
                "{failure:?}"
            );
        }
        let failure = outcome((1, timed_out()), 9).await.expect_err("none");
        assert!(
            !format!("{failure:?}").contains("it starts up"),
            "{failure:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_that_connects_in_time_is_not_refused_for_a_cause_that_was_found() {
        let opened = outcome((3, Ok(())), 1).await;
        assert!(matches!(opened, Ok(Ok(()))));
        let closed = outcome((3, Err(sqlx::Error::PoolClosed.into())), 1).await;
        assert!(
            matches!(closed, Ok(Err(_))),
            "the driver's own error says more"
        );
    }
}
