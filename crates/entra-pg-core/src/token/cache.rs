//! The token cache: what a caller gets, and when a request is sent.
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
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use azure_core::credentials::AccessToken;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

use super::{
    Issued, Token,
    clock::{Clock, Moment, Validity, since},
    flight::{Flight, Landing},
    policy::{Freshness, Random, RefreshPolicy, RejectionBudget},
};
use crate::{Error, ErrorKind, Scope, credential::Credential};

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
    current: ArcSwapOption<Issued>,
    ledger: Mutex<Ledger>,
    /// How many requests have ended, one way or another.
    landings: watch::Sender<u64>,
}

/// What is in flight, and when the next request may be sent.
pub(super) struct Ledger {
    pub(super) flight: Option<Flight>,
    flights: u64,
    pub(super) failures: u32,
    latest: Option<Attempt>,
    pub(super) last_error: Option<Error>,
    pub(super) last_refresh: Option<SystemTime>,
    /// The generation for which a rejection has already forced a request.
    forced_for: Option<u64>,
    rejections: RejectionBudget,
}

/// The latest request that ended. When the next may be sent follows from it and from what the token has left *then*.
#[derive(Clone, Copy)]
struct Attempt {
    ended: Moment,
    succeeded: bool,
    retry_after: Option<Duration>,
    random: Random,
}

/// What a caller that needs a request finds.
enum Joined {
    Flight(Flight),
    /// No request may be sent for so long. The error is that of the last one, if it failed.
    TooEarly(Duration, Option<Error>),
}

/// A lost request is sent again this often by one caller; then its runtime is taken to be going down.
const TAKEOVERS: usize = 3;
/// Two readings of a token's end that differ by less are the same.
const CLOCKS_AGREE: Duration = Duration::from_secs(1);
/// After its timeout a request that is driven ends itself; one that has not by then is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(1);

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
            ledger: Mutex::new(Ledger {
                flight: None,
                flights: 0,
                failures: 0,
                latest: None,
                last_error: None,
                last_refresh: None,
                forced_for: None,
                rejections: RejectionBudget::new(now),
            }),
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
    /// [`ErrorKind::Runtime`] outside of a Tokio runtime, if a request is needed.
    pub async fn get(&self, patience: Duration) -> Result<Token, Error> {
        if let Some((token, Freshness::Fresh)) = self.0.look(patience) {
            return Ok(token);
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
        let flight = self.0.force(rejected.generation())?;
        let _ = timeout(patience, flight.outcome()).await;
        newer()
    }

    /// Tells whenever a request has ended, with a new token or without. The number only counts.
    pub fn landings(&self) -> watch::Receiver<u64> {
        self.0.landings.subscribe()
    }

    /// How long until [`poll`](Self::poll) has something to do, unless something changes before.
    pub fn idle_for(&self) -> Duration {
        let now = self.0.clock.now();
        let until_stale = self
            .0
            .current
            .load()
            .as_ref()
            .map_or(Duration::ZERO, |token| {
                let validity = &token.validity;
                validity
                    .remaining(now)
                    .saturating_sub(validity.refresh_margin())
            });
        let ledger = self.0.ledger();
        if ledger.flight.is_some() {
            return Duration::MAX;
        }
        until_stale.max(self.0.pause_left(&ledger, now))
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

    fn remaining(&self, now: Moment) -> Duration {
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
                    if let Ok(Joined::Flight(flight)) = self.join(false) {
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
                Some((_, Freshness::Expired)) | None => match self.join(false)? {
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
        .transient(true))
    }

    fn start_if_allowed(self: &Arc<Self>) {
        // Whatever comes back here (too early, no runtime) does not concern a caller that needs no new token.
        let _ = self.join(false);
    }

    /// Joins the request in flight, or sends one if that is allowed now (or `forced`).
    fn join(self: &Arc<Self>, forced: bool) -> Result<Joined, Error> {
        let now = self.clock.now();
        let (landing, flight) = {
            let mut ledger = self.ledger();
            self.drop_stuck(&mut ledger, now);
            if let Some(flight) = &ledger.flight {
                return Ok(Joined::Flight(flight.clone()));
            }
            let pause = self.pause_left(&ledger, now);
            if !forced && !pause.is_zero() {
                return Ok(Joined::TooEarly(pause, ledger.last_error.clone()));
            }
            ledger.flights += 1;
            let (landing, flight) = Landing::new(Arc::downgrade(self), ledger.flights, now);
            ledger.flight = Some(flight.clone());
            (landing, flight)
        };
        // A runtime that is shutting down drops the task inside `spawn`, and dropping it takes the lock.
        let task = landing.take_off(self)?;
        if let Some(current) = self.ledger().flight.as_mut().filter(|f| f.id == flight.id) {
            current.task = Some(task);
        }
        Ok(Joined::Flight(flight))
    }

    /// How long until the next request may be sent.
    fn pause_left(&self, ledger: &Ledger, now: Moment) -> Duration {
        let Some(latest) = ledger.latest else {
            return Duration::ZERO;
        };
        let remaining = self.remaining(now);
        let pause = if latest.succeeded {
            self.policy.pause_after_success(remaining)
        } else {
            let (failures, retry_after) = (ledger.failures, latest.retry_after);
            self.policy
                .pause_after_failure(remaining, failures, retry_after, latest.random)
        };
        pause.saturating_sub(now.since(latest.ended))
    }

    /// Gives up a request that is older than any may get: its runtime is not driven, or the machine slept and its
    /// connection is dead.
    fn drop_stuck(&self, ledger: &mut Ledger, now: Moment) {
        let limit = self.policy.fetch_timeout + STUCK_AFTER;
        let stuck = |flight: &mut Flight| now.since(flight.requested) > limit;
        if let Some(task) = ledger.flight.take_if(stuck).and_then(|flight| flight.task) {
            task.abort();
        }
    }

    fn force(self: &Arc<Self>, generation: u64) -> Option<Flight> {
        let now = self.clock.now();
        {
            let mut ledger = self.ledger();
            self.drop_stuck(&mut ledger, now);
            if let Some(flight) = &ledger.flight {
                return Some(flight.clone());
            }
            let already = ledger.forced_for == Some(generation);
            if already || !ledger.rejections.take(now, self.policy.rejection_interval) {
                return None;
            }
            ledger.forced_for = Some(generation);
        }
        if let Ok(Joined::Flight(flight)) = self.join(true) {
            return Some(flight);
        }
        self.ledger().forced_for = None;
        None
    }

    /// The flight ended without a result: its task was dropped.
    pub(super) fn abandon(&self, id: u64) {
        let mut ledger = self.ledger();
        if ledger.flight.take_if(|flight| flight.id == id).is_some() {
            ledger.forced_for = None;
        }
        drop(ledger);
        self.landings.send_modify(|count| *count += 1);
    }

    /// The flight ended with a result. Publishes a new token, or notes the failure, and says when the next may start.
    pub(super) fn complete(
        &self,
        id: u64,
        requested: Moment,
        result: Result<AccessToken, Error>,
    ) -> Result<Token, Error> {
        let now = self.clock.now();
        let outcome = {
            let mut ledger = self.ledger();
            let outcome =
                result.and_then(|access| self.accept(&mut ledger, &access, requested, now));
            match &outcome {
                Ok(_) => {
                    ledger.failures = 0;
                    ledger.last_error = None;
                }
                Err(error) => {
                    ledger.failures = ledger.failures.saturating_add(1);
                    ledger.last_error = Some(error.clone());
                    // What has failed may be forced again; the budget bounds how often.
                    ledger.forced_for = None;
                }
            }
            ledger.latest = Some(Attempt {
                ended: now,
                succeeded: outcome.is_ok(),
                retry_after: outcome.as_ref().err().and_then(Error::retry_after),
                random: fastrand::f64(),
            });
            ledger.flight.take_if(|flight| flight.id == id);
            outcome
        };
        self.tell(&outcome, now);
        self.landings.send_modify(|count| *count += 1);
        outcome
    }

    /// Logs, after the lock has been released: what listens to logs may ask for our status.
    fn tell(&self, outcome: &Result<Token, Error>, now: Moment) {
        let remaining_s = self.remaining(now).as_secs_f64();
        let (credential, scope) = (&self.credential, &self.scope);
        match outcome {
            Ok(token) => {
                let generation = token.generation();
                tracing::info!(%credential, %scope, generation, remaining_s, "token obtained");
            }
            Err(error) => {
                let retry_in_s = self.pause_left(&self.ledger(), now).as_secs_f64();
                tracing::warn!(%credential, %scope, %error, remaining_s, retry_in_s, "token request failed");
            }
        }
    }

    /// Publishes what came back, unless it is what is already held.
    fn accept(
        &self,
        ledger: &mut Ledger,
        access: &AccessToken,
        requested: Moment,
        now: Moment,
    ) -> Result<Token, Error> {
        let secret = Zeroizing::new(access.token.secret().to_owned());
        let expires_on = access.expires_on.into();
        let remaining = since(expires_on, requested.wall);
        if secret.trim().is_empty() {
            return Err(Error::new(
                ErrorKind::UnusableToken,
                format!("{} returned an empty token", self.credential),
            )
            .with_hint("the endpoint is at fault; ask whoever runs it"));
        }
        if remaining.is_zero() {
            return Err(self.expired_on_arrival(since(requested.wall, expires_on)));
        }
        let margin = self.policy.refresh_margin(remaining, fastrand::f64());
        let validity = Validity::new(expires_on, requested, margin);
        let generation = match self.current.load_full() {
            Some(current) => {
                let (new, held) = (validity.remaining(now), current.validity.remaining(now));
                let repeated = *current.secret == *secret;
                let wanted = if repeated {
                    // The same token again, but its end was misjudged while a clock was wrong.
                    held.is_zero() || new > held + CLOCKS_AGREE
                } else {
                    new > held || ledger.forced_for == Some(current.generation)
                };
                if !wanted {
                    return Ok(Token(current));
                }
                current.generation + u64::from(!repeated)
            }
            None => 1,
        };
        ledger.last_refresh = Some(now.wall);
        let token = Token::new(secret, validity, generation);
        self.current.store(Some(Arc::clone(&token.0)));
        Ok(token)
    }

    fn expired_on_arrival(&self, ago: Duration) -> Error {
        Error::new(
            ErrorKind::UnusableToken,
            format!(
                "{} returned a token that expired {} s ago",
                self.credential,
                ago.as_secs()
            ),
        )
        .with_hint("the clocks of this machine and of the token endpoint disagree: set this machine's clock (NTP)")
        .transient(true)
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
