//! What a caller gets that needs a token: the state table of `docs/architecture.md`, row by row.

use std::{sync::Arc, time::Duration};

use super::{
    access_token::Token,
    policy::Freshness,
    refresh::{Joined, Refresher},
    request,
};
use crate::{
    Error, ErrorKind,
    sync::{sleep, timeout},
};

/// One caller sends a request again this often after the runtime dropped it; then the runtime is taken to be shutting down.
const MAX_RESTARTS: usize = 3;

/// A valid token, within `limit`. See [`TokenCache::get`](super::TokenCache::get).
pub(super) async fn get(refresher: &Arc<Refresher>, limit: Duration) -> Result<Token, Error> {
    if let Some((token, Freshness::Fresh)) = refresher.snapshot(limit) {
        return Ok(token);
    }
    if let Err(no_runtime) = request::runtime() {
        return refresher.valid_token().ok_or(no_runtime);
    }
    match timeout(limit, obtain(refresher, limit)).await {
        Ok(result) => result,
        Err(_) => refresher
            .valid_token()
            .ok_or_else(|| timeout_error(refresher, limit)),
    }
}

async fn obtain(refresher: &Arc<Refresher>, limit: Duration) -> Result<Token, Error> {
    for _ in 0..=MAX_RESTARTS {
        match refresher.snapshot(limit) {
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
                if let Some(outcome) = fetch(refresher).await {
                    return outcome;
                }
            }
        }
    }
    Err(cancelled_repeatedly())
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

/// Waits for the result of the one request; `None` when the state has to be looked at once more.
async fn fetch(refresher: &Arc<Refresher>) -> Option<Result<Token, Error>> {
    match refresher.join(None) {
        Err(error) | Ok(Joined::TooEarly(_, Some(error))) => Some(Err(error)),
        Ok(Joined::Pending(request)) => request.outcome().await,
        Ok(Joined::TooEarly(pause, None)) => {
            // Unless a token was published since the snapshot.
            if refresher.remaining().is_zero() {
                sleep(pause).await;
            }
            None
        }
    }
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
    .with_hint("check that the token endpoint can be reached from here; the request goes on and serves a later call")
    .transient(true)
}

fn cancelled_repeatedly() -> Error {
    Error::new(
        ErrorKind::Runtime,
        "the token request was cancelled repeatedly, as when a Tokio runtime shuts down",
    )
    .with_hint("call again from a runtime that keeps running")
    .transient(true)
}
