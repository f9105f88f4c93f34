//! When a request for a token is sent, and what happens when it ends.
//!
//! The lock is taken here and nowhere else. It is never held across an await, nor while a task is spawned.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures::future::{AbortHandle, Abortable};

use super::{
    access_token::{CurrentToken, Token},
    clock::{Clock, Moment},
    policy::{Freshness, RefreshPolicy},
    publish::Fetched,
    rejections::Rejected,
    request::{self, Answer, PendingRequest, RequestTask, Requester},
    state::{Pause, RefreshState},
    status::Status,
};
use crate::{
    Error, Scope,
    credential::{Credential, Limits},
    observe,
    sync::{Mutex, MutexGuard, watch},
};

/// Fetches the tokens of one cache.
pub(super) struct Refresher {
    credential: Credential,
    scope: Scope,
    policy: RefreshPolicy,
    clock: Clock,
    current: CurrentToken,
    state: Mutex<RefreshState>,
    /// How many requests have ended, one way or another.
    ended: watch::Sender<u64>,
}

/// What a caller that needs a request finds.
pub(super) enum Joined {
    Pending(PendingRequest),
    TooEarly(Pause),
}

impl Refresher {
    pub(super) fn new(
        credential: Credential,
        scope: Scope,
        policy: RefreshPolicy,
        clock: Clock,
    ) -> Self {
        Self {
            credential,
            scope,
            policy,
            clock,
            current: CurrentToken::none(),
            state: Mutex::new(RefreshState::new()),
            ended: watch::Sender::new(0),
        }
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn policy(&self) -> &RefreshPolicy {
        &self.policy
    }

    pub(super) fn current(&self) -> Option<Token> {
        self.current.get()
    }

    pub(super) fn last_error(&self) -> Option<Error> {
        self.state().last_error().cloned()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// The current token if it is fresh. What each connect calls: it takes no lock, and allocates nothing.
    pub(super) fn fresh_token(&self) -> Option<Token> {
        let token = self.current.get()?;
        let is_fresh = match self.clock.ticks() {
            Some(ticks) => token.validity().is_fresh_at(ticks),
            None => self.freshness(&token, Duration::ZERO) == Freshness::Fresh,
        };
        is_fresh.then_some(token)
    }

    /// The current token, and how fresh it is for a caller with this timeout.
    pub(super) fn snapshot(&self, timeout: Duration) -> Option<(Token, Freshness)> {
        let token = self.current.get()?;
        let freshness = self.freshness(&token, timeout);
        Some((token, freshness))
    }

    /// The current token if it has not expired.
    pub(super) fn valid_token(&self) -> Option<Token> {
        let (token, freshness) = self.snapshot(Duration::ZERO)?;
        (freshness != Freshness::Expired).then_some(token)
    }

    /// What the current token has left; zero without one.
    pub(super) fn remaining(&self) -> Duration {
        self.remaining_at(self.clock.now())
    }

    /// Sends a request if one is due and allowed. Its outcome does not concern a caller that has a token. Once that has expired
    /// it is needed: a rotated pool, which waits for nothing, goes on with it.
    pub(super) fn refresh_if_due(self: &Arc<Self>) {
        if let Ok(Joined::Pending(request)) = self.join(None)
            && let Some((_, Freshness::Expired)) = self.snapshot(Duration::ZERO)
        {
            request.need();
        }
    }

    /// Joins the pending request, or sends one if that is allowed now: because it is due, or because a server has `rejected`
    /// the token.
    ///
    /// All is decided under one lock, during which no request can end, and by the time that it is then.
    pub(super) fn join(self: &Arc<Self>, rejected: Option<&Rejected>) -> Result<Joined, Error> {
        self.abort_overdue();
        let runtime = request::runtime()?;
        let (task, pending, abortable) = {
            let mut state = self.state();
            let now = self.clock.now();
            if let Some(pending) = state.pending() {
                return Ok(Joined::Pending(pending.clone()));
            }
            let (pause, is_due) = match rejected {
                None => {
                    let pause = state.pause(&self.policy, self.remaining_at(now), now);
                    (pause, self.is_due(now))
                }
                Some(rejected) if self.generation() > Some(rejected.generation) => {
                    (Pause::NEVER, false)
                }
                Some(rejected) => {
                    let pause = state.pause_of_rejection(rejected, &self.policy, now);
                    (pause, true)
                }
            };
            if !pause.left.is_zero() || !is_due {
                return Ok(Joined::TooEarly(pause));
            }
            let (abort, abortable) = AbortHandle::new_pair();
            let (task, pending) = RequestTask::new(self, state.next_id(), now, abort);
            state.begin(pending.clone(), rejected.cloned());
            (task, pending, abortable)
        };
        // A runtime that is shutting down drops the task inside `spawn`, and dropping it takes the lock.
        let span = observe::request(&self.credential, &self.scope, rejected.is_some());
        let (credential, scope) = (self.credential.clone(), self.scope.clone());
        let send = request::send(credential, scope, self.limits(), pending.needed());
        task.spawn(&runtime, span, Abortable::new(send, abortable));
        Ok(Joined::Pending(pending))
    }

    /// How long until a request is due and allowed, unless something changes before; `None` while one is pending.
    pub(super) fn next_refresh_in(&self) -> Option<Duration> {
        let now = self.clock.now();
        let remaining = self.remaining_at(now);
        let current = self.current.get();
        let margin = current.map_or(Duration::ZERO, |token| token.validity().refresh_margin());
        let state = self.state();
        if state.pending().is_some() {
            return None;
        }
        let until_due = remaining.saturating_sub(margin);
        Some(until_due.max(state.pause_left(&self.policy, remaining, now)))
    }

    pub(super) fn status(&self) -> Status {
        let expires_on = self.valid_token().map(|token| token.expires_on());
        let credential = self.credential.to_string();
        self.state()
            .status(credential, self.scope.clone(), expires_on)
    }

    /// Notes that a server has accepted a token from this login.
    pub(super) fn accepted(&self, login: &str) {
        self.state().accepted(login);
    }

    /// From now on there is to be a task that refreshes while nobody calls.
    pub(super) fn want_background(&self) {
        self.state().want_background();
    }

    /// What such a task has to own, if one is wanted and none runs.
    pub(super) fn claim_background(&self) -> Option<Arc<()>> {
        self.state().claim_background()
    }

    #[cfg(test)]
    pub(super) fn while_locked<T>(&self, run: impl FnOnce() -> T) -> T {
        let _state = self.state();
        run()
    }

    fn freshness(&self, token: &Token, timeout: Duration) -> Freshness {
        let now = self.clock.now();
        self.policy.freshness(token.validity(), now, timeout)
    }

    fn state(&self) -> MutexGuard<'_, RefreshState> {
        // Nothing that panics runs under this lock; if it did, the fields would still each be valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort_overdue(&self) {
        let timeout = self.limits().timeout;
        let overdue = self.state().take_overdue(timeout, self.clock.now());
        if let Some(request) = overdue {
            request.abort();
        }
    }

    fn limits(&self) -> Limits {
        self.policy.limits(self.credential.limits())
    }

    fn remaining_at(&self, now: Moment) -> Duration {
        let current = self.current.get();
        current.map_or(Duration::ZERO, |token| token.remaining(now))
    }

    fn is_due(&self, now: Moment) -> bool {
        let current = self.current.get();
        current.is_none_or(|token| token.remaining(now) <= token.validity().refresh_margin())
    }

    fn generation(&self) -> Option<u64> {
        self.current.get().map(|token| token.generation())
    }

    /// Publishes a fetched token, unless the one that is held is as good.
    fn publish(&self, state: &mut RefreshState, fetched: Fetched, now: Moment) -> Token {
        let generation = match self.current.get() {
            None => 1,
            Some(held) => {
                let forced = state.was_rejected(held.generation());
                match fetched.replaces(&held, forced, now) {
                    Some(generation) => generation,
                    None => return held,
                }
            }
        };
        let token = fetched.into_token(generation);
        self.current.replace(&token);
        state.published(now);
        token
    }

    /// Logs how a request ended, after the lock has been released: a subscriber may read the status.
    fn report(
        &self,
        outcome: &Result<Token, Error>,
        held: Option<u64>,
        started: Moment,
        now: Moment,
    ) {
        let remaining = self.remaining_at(now);
        let request = self.observed(started, now);
        match outcome {
            Ok(token) if held == Some(token.generation()) => {
                request.repeated(token.generation(), remaining);
            }
            Ok(token) => request.obtained(token.generation(), token.expires_on(), remaining),
            Err(error) => {
                let pause = self.state().pause_left(&self.policy, remaining, now);
                request.failed(error, remaining, pause);
            }
        }
    }

    fn observed(&self, started: Moment, now: Moment) -> observe::Request<'_> {
        observe::Request {
            credential: &self.credential,
            scope: &self.scope,
            took: now.since(started),
        }
    }
}

impl Requester for Refresher {
    fn finish(&self, id: u64, started: Moment, answer: Answer) -> Result<Token, Error> {
        let now = self.clock.now();
        let (credential, policy) = (&self.credential, &self.policy);
        let fetched = answer.and_then(|answer| {
            Fetched::read(&answer, started, now, credential, policy, fastrand::f64())
        });
        let (outcome, held) = {
            let mut state = self.state();
            let held = self.generation();
            let outcome = fetched.map(|fetched| self.publish(&mut state, fetched, now));
            state.finish(id, &outcome, now, fastrand::f64());
            (outcome, held)
        };
        self.report(&outcome, held, started, now);
        self.ended.send_modify(|count| *count += 1);
        outcome
    }

    fn cancelled(&self, id: u64, started: Moment) {
        self.state().cancel(id);
        self.ended.send_modify(|count| *count += 1);
        self.observed(started, self.clock.now()).cancelled();
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        let pending = self.state().pending().cloned();
        if let Some(request) = pending {
            request.abort();
        }
    }
}
