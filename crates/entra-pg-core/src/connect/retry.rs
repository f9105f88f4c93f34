//! The one way to connect: a token, the adapter's `open`, and once more if another token can help.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::time::timeout_at;

use super::{Attempt, Failure, Login, LoginProvider, Step};
use crate::{Error, ErrorKind};

/// How long after its deadline an adapter may look for the cause of a failure, before its `open` is dropped.
const GRACE: Duration = Duration::from_secs(10);

impl LoginProvider {
    /// Gets a token and calls `open` with it; if the server refuses the token and another can help, calls `open` once more
    /// with a newer one.
    ///
    /// All of it shares one deadline, the target's `connect_timeout`. `open` keeps it by [`Attempt::timeout`], and is dropped
    /// 10 s after it at the latest. How it ended is logged and counted under the name of the `adapter`, and kept for
    /// [`last_error`](Self::last_error); so is a cancelled connect. Cancelling drops `open`, while the token request goes on
    /// and serves the next connect.
    ///
    /// # Errors
    /// As [`login`](Self::login), and what `open` returns, with cause and cure. The first refusal stands if the second try
    /// only runs out of time.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time enabled, if a token is cached; without one that is an error.
    pub async fn connect<T, F>(
        &self,
        adapter: &'static str,
        open: impl FnMut(Login, Attempt) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let attempt = Attempt::new(adapter, self.target());
        let unless_cancelled = Cancelled(Some((self, &attempt)));
        // Boxed, because what wraps a future holds it twice, and users' futures hold that.
        let connecting = Box::pin(self.open_with_token(&attempt, open));
        let result = attempt.report().in_span(connecting).await;
        unless_cancelled.defuse();
        match &result {
            Ok(_) => attempt.report().ready(),
            Err(error) => attempt
                .report()
                .failed(failed_step(&attempt, error).name(), error),
        }
        self.set_last_error(result.as_ref().err().cloned());
        result
    }

    async fn open_with_token<T, F>(
        &self,
        attempt: &Attempt,
        mut open: impl FnMut(Login, Attempt) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let login = self.login().await?;
        attempt.set_token_obtained();
        let failure = match bounded(attempt, open(login.clone(), attempt.clone())).await {
            Ok(opened) => {
                self.accepted(&login);
                return Ok(opened);
            }
            Err(failure) => failure,
        };
        let rejection = failure.rejection();
        let error = failure.into_error(login.user(), attempt);
        let Some(rejection) = rejection else {
            return Err(error);
        };
        attempt.report().refused(&error);
        if attempt.remaining().is_zero() {
            return Err(error);
        }
        // A caller that gives up meanwhile has waited for the token endpoint, not for the server.
        let refused_at = attempt.step();
        attempt.set_step(Step::Token);
        let newer = self.relogin(&login, rejection, attempt.remaining()).await;
        attempt.set_step(refused_at);
        let Some(newer) = newer else {
            return Err(error);
        };
        attempt.report().retried(&error, newer.token().generation());
        match bounded(attempt, open(newer, attempt.clone())).await {
            Ok(opened) => {
                self.accepted(&login);
                Ok(opened)
            }
            Err(second) if second.is_timeout() => Err(error),
            Err(second) => {
                let refused_again = second.rejection().is_some();
                let error = second.into_error(login.user(), attempt);
                if refused_again {
                    attempt.report().refused(&error);
                }
                Err(error)
            }
        }
    }
}

/// Two errors name the step even where the driver does not report it.
fn failed_step(attempt: &Attempt, error: &Error) -> Step {
    match (attempt.step(), error.kind()) {
        (Step::Connecting, ErrorKind::Tls) => Step::TlsHandshake,
        (Step::Connecting, ErrorKind::Rejected(_)) => Step::Authentication,
        (step, _) => step,
    }
}

/// Ends an adapter's `open` that does not keep the deadline by itself. A panic is an error: drivers panic about what a server
/// sends.
async fn bounded<T>(
    attempt: &Attempt,
    open: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let open = AssertUnwindSafe(timeout_at(attempt.deadline() + GRACE, open)).catch_unwind();
    match open.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(_late)) => Err(Failure::timed_out()),
        Err(_panic) => Err(panicked()),
    }
}

fn panicked() -> Failure {
    Error::new(ErrorKind::Connect, "the driver panicked")
        .with_hint(
            "its panic message is on standard error: mostly, the server sent what is no message of PostgreSQL's; \
             or a closure of the options panicked",
        )
        .into()
}

/// Reports a connect that was dropped before its end.
struct Cancelled<'a>(Option<(&'a LoginProvider, &'a Attempt)>);

impl Cancelled<'_> {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        if let Some((provider, attempt)) = self.0 {
            attempt.report().cancelled(attempt.step().name());
            provider.set_last_error(Some(attempt.cancelled()));
        }
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
