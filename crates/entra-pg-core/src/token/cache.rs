//! The token cache: what a caller gets. (`dispatch` says when a request is sent, `arrival` what of it is published.)
//!
//! Contract:
//! - The current token is an immutable snapshot, swapped atomically. Reading it takes no lock.
//! - At most one request is in flight per cache; everyone who needs its result shares it.
//! - A request is a task of its own. A caller that is cancelled, times out or panics does not stop it; a request that is
//!   lost (its runtime shut down) wakes its waiters, and one of them sends the next.
//! - Only success is published: a failed request never takes away a token that still lives, and never surfaces while one does.
//! - The ledger's lock is never held across an await, nor while a task is spawned.

use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{
    Issued, Token,
    clock::{Clock, Moment},
    dispatch::Joined,
    flight,
    ledger::Ledger,
    policy::{Freshness, RefreshPolicy},
};
use crate::{
    Error, ErrorKind, Scope,
    credential::Credential,
    sync::{ArcSwapOption, Mutex, MutexGuard, sleep, timeout, watch},
};

/// A cache for the tokens of one credential and one scope. Cheap to clone; all clones share the token and the requests.
///
/// Get one from [`Entra::tokens`](crate::Entra::tokens). Timers are optional: a call alone refreshes what is due, so it
/// also works where a process is frozen between calls. [`keep_warm`](Self::keep_warm) adds a timer.
#[derive(Clone)]
pub struct TokenCache(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) credential: Credential,
    pub(super) scope: Scope,
    pub(super) policy: RefreshPolicy,
    pub(super) clock: Clock,
    pub(super) current: ArcSwapOption<Issued>,
    ledger: Mutex<Ledger>,
    /// How many requests have ended, one way or another.
    pub(super) landings: watch::Sender<u64>,
}

/// A lost request is sent again this often by one caller; then its runtime is taken to be going down.
const TAKEOVERS: usize = 3;
impl TokenCache {
    pub(crate) fn new(
        credential: Credential,
        scope: Scope,
        policy: RefreshPolicy,
        clock: Clock,
    ) -> Self {
        let now = clock.now();
        Self(Arc::new(Inner {
            credential,
            scope,
            policy,
            clock,
            current: ArcSwapOption::empty(),
            ledger: Mutex::new(Ledger::new(now)),
            landings: watch::Sender::new(0),
        }))
    }

    /// The scope that the tokens are for.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// A token that lives, waiting at most for `patience`.
    ///
    /// While a token lives this returns at once (in its last moments: after at most [`RefreshPolicy::floor_wait`]), whatever
    /// happens at the endpoint. Without one it waits for the request that is under way, or sends it; inside the backoff
    /// after a failure it returns that failure at once. Cancel safe: the request goes on and serves the next caller.
    ///
    /// # Errors
    /// The endpoint's own error in words, or [`ErrorKind::TokenTimeout`] when `patience` ran out first.
    /// [`ErrorKind::Runtime`] outside of a Tokio runtime, unless a token lives.
    ///
    /// # Panics
    /// In a Tokio runtime without time enabled, if a request is needed.
    pub async fn get(&self, patience: Duration) -> Result<Token, Error> {
        if let Some((token, Freshness::Fresh)) = self.0.look(patience) {
            return Ok(token);
        }
        if let Err(no_runtime) = flight::runtime() {
            return self.living().ok_or(no_runtime);
        }
        match timeout(patience, self.0.obtain(patience)).await {
            Ok(result) => result,
            Err(_) => self
                .living()
                .ok_or_else(|| self.0.out_of_patience(patience)),
        }
    }

    /// The current token if it lives, without waiting; starts a refresh if one is due. For timers and health checks.
    ///
    /// Outside of a Tokio runtime no refresh is started.
    pub fn poll(&self) -> Option<Token> {
        if !matches!(self.0.look(Duration::ZERO), Some((_, Freshness::Fresh))) {
            self.0.start_if_allowed();
        }
        self.living()
    }

    /// The current token, if it lives. Changes nothing.
    pub(super) fn living(&self) -> Option<Token> {
        let (token, freshness) = self.0.look(Duration::ZERO)?;
        (freshness != Freshness::Expired).then_some(token)
    }

    /// Another token than `rejected`, which the server refused: the current one if it is newer, else the result of one
    /// forced request. `None` when there is nothing newer to be had: the endpoint gave the same token again or failed,
    /// this token has already forced a request, or too many were forced of late.
    ///
    /// The refused token stays valid for others: one server that lacks a role must not take it from the rest.
    pub async fn newer_than(&self, rejected: &Token, patience: Duration) -> Option<Token> {
        let newer = || {
            self.0
                .look(patience)
                .map(|(token, _)| token)
                .filter(|token| token.generation() > rejected.generation())
        };
        if let Some(token) = newer() {
            return Some(token);
        }
        if let Some(flight) = self.0.force(rejected.generation()) {
            let _ = timeout(patience, flight.outcome()).await;
        }
        newer()
    }

    /// Tells whenever a request has ended, with a new token or without. The number only counts.
    pub fn landings(&self) -> watch::Receiver<u64> {
        self.0.landings.subscribe()
    }

    /// How long until [`poll`](Self::poll) has something to do, unless something changes before.
    pub fn idle_for(&self) -> Duration {
        let now = self.0.clock.now();
        let remaining = self.0.remaining(now);
        let margin = self
            .0
            .current
            .load()
            .as_ref()
            .map_or(Duration::ZERO, |token| token.validity.refresh_margin());
        let ledger = self.0.ledger();
        if ledger.flight.is_some() {
            return Duration::MAX;
        }
        let until_due = remaining.saturating_sub(margin);
        until_due.max(ledger.pause_left(&self.0.policy, remaining, now))
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("credential", &self.0.credential)
            .field("scope", &self.0.scope)
            .field("current", &self.0.current.load_full().map(Token))
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing that panics runs under this lock; were it to, the ledger's fields would still each be valid.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, patience: Duration) -> Option<(Token, Freshness)> {
        let token = Token(self.current.load_full()?);
        let freshness = self
            .policy
            .freshness(token.validity(), self.clock.now(), patience);
        Some((token, freshness))
    }

    pub(super) fn remaining(&self, now: Moment) -> Duration {
        self.current
            .load()
            .as_ref()
            .map_or(Duration::ZERO, |token| token.validity.remaining(now))
    }

    /// The state table of `docs/architecture.md`, row by row.
    async fn obtain(self: &Arc<Self>, patience: Duration) -> Result<Token, Error> {
        for _ in 0..=TAKEOVERS {
            match self.look(patience) {
                Some((token, Freshness::Fresh)) => return Ok(token),
                Some((token, Freshness::Stale)) => {
                    self.start_if_allowed();
                    return Ok(token);
                }
                Some((token, Freshness::Floor)) => {
                    if let Ok(Joined::Flight(flight)) = self.join(None) {
                        // Half of what remains, so that the token is still good for a login afterwards.
                        let wait = self
                            .policy
                            .floor_wait
                            .min(self.remaining(self.clock.now()) / 2);
                        if let Ok(Some(Ok(newer))) = timeout(wait, flight.outcome()).await {
                            return Ok(newer);
                        }
                    }
                    if !self.remaining(self.clock.now()).is_zero() {
                        return Ok(token);
                    }
                }
                Some((_, Freshness::Expired)) | None => match self.join(None)? {
                    Joined::Flight(flight) => {
                        if let Some(outcome) = flight.outcome().await {
                            return outcome;
                        }
                    }
                    Joined::TooEarly(_, Some(error)) => return Err(error),
                    Joined::TooEarly(pause, None) => {
                        // Unless a token was published since we looked.
                        if self.remaining(self.clock.now()).is_zero() {
                            sleep(pause).await;
                        }
                    }
                },
            }
        }
        Err(Error::new(
            ErrorKind::Runtime,
            "the request for a token was lost again and again, as when a Tokio runtime shuts down",
        )
        .with_hint("call again from a runtime that stays")
        .transient(true))
    }

    fn out_of_patience(&self, patience: Duration) -> Error {
        let so_far = self
            .credential
            .last_answer()
            .or_else(|| {
                self.ledger()
                    .last_error
                    .as_ref()
                    .map(|e| e.message().to_owned())
            })
            .unwrap_or_else(|| "nothing was answered so far".to_owned());
        Error::new(
            ErrorKind::TokenTimeout,
            format!(
                "{} gave no token within {} s: {so_far}",
                self.credential,
                patience.as_secs_f64()
            ),
        )
        .with_hint("check that the token endpoint can be reached from here; the request goes on and serves a later call")
        .transient(true)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.ledger().flight.take().and_then(|flight| flight.task) {
            task.abort();
        }
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
