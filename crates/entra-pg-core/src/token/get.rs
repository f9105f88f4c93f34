//! What a caller gets that needs a token: the state table of `docs/architecture.md`, row by row.

use std::{sync::Arc, time::Duration};

use super::{
    access_token::Token,
    background,
    policy::{Freshness, is_retried},
    refresh::{Joined, Refresher},
    rejections::Rejected,
    request,
    state::Pause,
};
use crate::{
    Error, ErrorKind,
    sync::{Instant, timeout},
};

/// One caller sends a request again this often after the runtime dropped it; then the runtime is taken to be shutting down.
const MAX_RESTARTS: usize = 3;

/// A valid token, within `limit`. See [`TokenCache::get`](super::TokenCache::get).
pub(super) async fn get(refresher: &Arc<Refresher>, limit: Duration) -> Result<Token, Error> {
    if let Some(token) = refresher.fresh_token() {
        return Ok(token);
    }
    if let Err(no_runtime) = request::runtime().and_then(|_| background::resume(refresher)) {
        return refresher.valid_token().ok_or(no_runtime);
    }
    let mut caller = Caller::new(refresher, limit);
    let result = timeout(limit, caller.obtain()).await;
    result.unwrap_or_else(|_| {
        let token = refresher.valid_token();
        token.ok_or_else(|| caller.error())
    })
}

/// A newer token than the one that was rejected, within `limit`. See
/// [`TokenCache::refresh_rejected`](super::TokenCache::refresh_rejected).
pub(super) async fn refresh_rejected(
    refresher: &Arc<Refresher>,
    rejected: &Rejected,
    limit: Duration,
) -> Option<Token> {
    let newer = || {
        let current = refresher.current();
        current.filter(|token| token.generation() > rejected.generation)
    };
    let mut caller = Caller::new(refresher, limit);
    let waiting =
        async { while newer().is_none() && caller.fetch(Some(rejected)).await.is_none() {} };
    if newer().is_none() && request::runtime().is_ok() {
        let _ = timeout(limit, waiting).await;
    }
    newer()
}

/// One call that has found no fresh token.
struct Caller<'a> {
    refresher: &'a Arc<Refresher>,
    begun: Instant,
    limit: Duration,
    /// How many requests were lost while it waited for them.
    lost: usize,
    /// Why the latest request has failed.
    failure: Option<Error>,
}

impl<'a> Caller<'a> {
    fn new(refresher: &'a Arc<Refresher>, limit: Duration) -> Self {
        Self {
            refresher,
            begun: Instant::now(),
            limit,
            lost: 0,
            failure: None,
        }
    }

    async fn obtain(&mut self) -> Result<Token, Error> {
        let refresher = self.refresher;
        loop {
            match refresher.snapshot(self.limit) {
                Some((token, Freshness::Fresh)) => return Ok(token),
                Some((token, Freshness::Advisory)) => {
                    refresher.refresh_if_due();
                    return Ok(token);
                }
                Some((token, Freshness::Mandatory)) => {
                    if let Some(newer) = refresh_briefly(refresher).await {
                        return Ok(newer);
                    }
                    if !refresher.remaining().is_zero() {
                        return Ok(token);
                    }
                }
                Some((_, Freshness::Expired)) | None => {
                    if let Some(outcome) = self.fetch(None).await {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Waits for the result of the one request, or until the next may be sent; `None` when the state has to be looked at
    /// once more.
    async fn fetch(&mut self, rejected: Option<&Rejected>) -> Option<Result<Token, Error>> {
        // Before the look at the state, so that no end of a request is missed.
        let mut ended = self.refresher.subscribe();
        match self.refresher.join(rejected) {
            Err(no_runtime) => Some(Err(no_runtime)),
            Ok(Joined::Pending(request)) => {
                let outcome = request.needed_outcome().await;
                self.take_note(outcome)
            }
            Ok(Joined::TooEarly(pause)) => {
                if let Some(error) = self.gives_up(&pause) {
                    return Some(Err(error));
                }
                // Unless a token was published since the snapshot.
                if rejected.is_some() || self.refresher.remaining().is_zero() {
                    let _ = timeout(pause.left, ended.changed()).await;
                }
                None
            }
        }
    }

    fn take_note(&mut self, outcome: Option<Result<Token, Error>>) -> Option<Result<Token, Error>> {
        match outcome {
            Some(Err(error)) if is_retried(&error) => self.failure = Some(error),
            Some(outcome) => return Some(outcome),
            None if self.lost == MAX_RESTARTS => return Some(Err(cancelled_repeatedly())),
            None => self.lost += 1,
        }
        None
    }

    /// The error for a caller that cannot wait for the next request.
    fn gives_up(&mut self, pause: &Pause) -> Option<Error> {
        let passed = Instant::now().saturating_duration_since(self.begun);
        let left = self.limit.saturating_sub(passed);
        self.failure.clone_from(&pause.error);
        let waits = pause.is_over_within(left);
        (!waits).then(|| self.error())
    }

    fn error(&self) -> Error {
        let failure = self.failure.clone();
        failure.unwrap_or_else(|| timeout_error(self.refresher, self.limit))
    }
}

/// Waits for a newer token while the current one is about to expire; `None` if none came.
async fn refresh_briefly(refresher: &Arc<Refresher>) -> Option<Token> {
    let Ok(Joined::Pending(request)) = refresher.join(None) else {
        return None;
    };
    // Half of what remains, so that the token is still good for a login afterwards.
    let longest = refresher.policy().mandatory_refresh_wait;
    let wait = longest.min(refresher.remaining() / 2);
    timeout(wait, request.outcome()).await.ok()??.ok()
}

fn timeout_error(refresher: &Refresher, limit: Duration) -> Error {
    let credential = refresher.credential();
    let so_far = credential
        .last_response()
        .or_else(|| refresher.last_error().map(|e| e.message().to_owned()))
        .unwrap_or_else(|| "no response so far".to_owned());
    let seconds = limit.as_secs_f64();
    Error::new(
        ErrorKind::TokenTimeout,
        format!("{credential} returned no token within {seconds} s: {so_far}"),
    )
    .with_hint(credential.timeout_hint())
    .with_transient(true)
}

fn cancelled_repeatedly() -> Error {
    Error::new(
        ErrorKind::Runtime,
        "the token request was cancelled repeatedly, as when a Tokio runtime shuts down",
    )
    .with_hint("call again from a runtime that keeps running")
    .with_transient(true)
}
