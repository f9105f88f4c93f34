//! What a cache knows of its requests: the one that is pending, how the latest ended, and when the next may be sent.

use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use super::{
    access_token::Token,
    clock::Moment,
    policy::{Random, RefreshPolicy, is_retried},
    rejections::{Rejected, Rejections},
    request::PendingRequest,
    status::Status,
};
use crate::{Error, Scope};

/// A request that is polled ends at its timeout. One that is this much older is overdue.
const OVERDUE_AFTER: Duration = Duration::from_secs(1);

pub(super) struct RefreshState {
    pending: Option<PendingRequest>,
    requests: u64,
    failures: u32,
    latest: Option<Attempt>,
    last_error: Option<Error>,
    last_refresh: Option<SystemTime>,
    /// The rejection that has forced the pending request.
    forced_by: Option<Rejected>,
    rejections: Rejections,
    /// Whether there is to be a task that refreshes while nobody calls.
    background_wanted: bool,
    /// What that task owns. Its runtime may drop it.
    background_task: Weak<()>,
}

/// The latest request that ended. When the next may be sent follows from it and from what the token has left *then*.
#[derive(Clone, Copy)]
struct Attempt {
    ended: Moment,
    succeeded: bool,
    retry_after: Option<Duration>,
    random: Random,
}

/// Why no request may be sent now.
pub(super) struct Pause {
    /// How long until one may.
    pub(super) left: Duration,
    /// How much longer the endpoint asked to be left alone. The policy may not believe all of it.
    asked: Duration,
    /// That of the latest request, if it failed.
    pub(super) error: Option<Error>,
}

impl Pause {
    /// No request may be sent for this reason.
    pub(super) const NEVER: Self = Self {
        left: Duration::MAX,
        asked: Duration::ZERO,
        error: None,
    };

    /// Whether a request within this time may bring a token.
    pub(super) fn is_over_within(&self, time: Duration) -> bool {
        self.error.as_ref().is_none_or(is_retried) && self.left.max(self.asked) < time
    }
}

impl RefreshState {
    pub(super) fn new() -> Self {
        Self {
            pending: None,
            requests: 0,
            failures: 0,
            latest: None,
            last_error: None,
            last_refresh: None,
            forced_by: None,
            rejections: Rejections::default(),
            background_wanted: false,
            background_task: Weak::new(),
        }
    }

    pub(super) fn pending(&self) -> Option<&PendingRequest> {
        self.pending.as_ref()
    }

    pub(super) fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// How long until the next request may be sent, when the token has `remaining` left.
    pub(super) fn pause_left(
        &self,
        policy: &RefreshPolicy,
        remaining: Duration,
        now: Moment,
    ) -> Duration {
        let Some(latest) = self.latest else {
            return Duration::ZERO;
        };
        let pause = if latest.succeeded {
            policy.pause_after_success(remaining)
        } else {
            policy.pause_after_failure(remaining, self.failures, latest.retry_after, latest.random)
        };
        pause.saturating_sub(now.since(latest.ended))
    }

    /// What holds back the next request, when the token has `remaining` left.
    pub(super) fn pause(&self, policy: &RefreshPolicy, remaining: Duration, now: Moment) -> Pause {
        let asked = self.latest.and_then(|latest| {
            let asked = latest.retry_after?;
            Some(asked.saturating_sub(now.since(latest.ended)))
        });
        Pause {
            left: self.pause_left(policy, remaining, now),
            asked: asked.unwrap_or_default(),
            error: self.last_error.clone(),
        }
    }

    /// What holds back a request that this rejection would force: what has failed is spaced as if there were no token.
    pub(super) fn pause_of_rejection(
        &mut self,
        rejected: &Rejected,
        policy: &RefreshPolicy,
        now: Moment,
    ) -> Pause {
        let Some(pause) = self.rejections.pause(rejected, policy, now) else {
            return Pause::NEVER;
        };
        if self.last_error.is_some() {
            return self.pause(policy, Duration::ZERO, now);
        }
        Pause {
            left: pause,
            ..Pause::NEVER
        }
    }

    /// Whether the server has refused the token of this generation, and the endpoint was asked for another.
    pub(super) fn was_rejected(&self, generation: u64) -> bool {
        let forced_by = self.forced_by.as_ref();
        forced_by.is_some_and(|rejected| rejected.generation == generation)
            || self.rejections.has_repeated(generation)
    }

    /// Notes that a server has accepted a token from this login.
    pub(super) fn accepted(&mut self, login: &str) {
        self.rejections.accepted(login);
    }

    pub(super) fn want_background(&mut self) {
        self.background_wanted = true;
    }

    /// What a background task has to own, if one is wanted and none runs.
    pub(super) fn claim_background(&mut self) -> Option<Arc<()>> {
        if !self.background_wanted || self.background_task.strong_count() > 0 {
            return None;
        }
        let task = Arc::new(());
        self.background_task = Arc::downgrade(&task);
        Some(task)
    }

    /// The number of the next request.
    pub(super) fn next_id(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(super) fn begin(&mut self, request: PendingRequest, forced_by: Option<Rejected>) {
        self.pending = Some(request);
        self.forced_by = forced_by;
    }

    /// Takes the pending request away if it is older than any may get: its runtime is not driven, or the machine slept and
    /// its connection is dead. It is to be aborted once the lock is released.
    pub(super) fn take_overdue(
        &mut self,
        timeout: Duration,
        now: Moment,
    ) -> Option<PendingRequest> {
        let limit = timeout.saturating_add(OVERDUE_AFTER);
        self.pending.take_if(|pending| pending.age(now) > limit)
    }

    /// Notes how a request ended. One that replaced it meanwhile stays pending.
    pub(super) fn finish(
        &mut self,
        id: u64,
        outcome: &Result<Token, Error>,
        now: Moment,
        random: Random,
    ) {
        match outcome {
            Ok(token) => {
                self.failures = 0;
                self.last_error = None;
                if self.is_pending(id)
                    && let Some(rejected) = self.forced_by.take()
                {
                    self.rejections.brought(rejected, token.generation(), now);
                }
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.last_error = Some(error.clone());
            }
        }
        self.latest = Some(Attempt {
            ended: now,
            succeeded: outcome.is_ok(),
            retry_after: outcome.as_ref().err().and_then(Error::retry_after),
            random,
        });
        self.remove(id);
    }

    /// Notes that a request ended without an outcome.
    pub(super) fn cancel(&mut self, id: u64) {
        self.remove(id);
    }

    /// Notes that a token was published.
    pub(super) fn published(&mut self, now: Moment) {
        self.last_refresh = Some(now.wall);
    }

    pub(super) fn status(
        &self,
        credential: String,
        scope: Scope,
        expires_on: Option<SystemTime>,
    ) -> Status {
        Status {
            credential,
            scope,
            expires_on,
            last_refresh: self.last_refresh,
            last_attempt: self.latest.map(|attempt| attempt.ended.wall),
            last_error: self.last_error.clone(),
            failures: self.failures,
            refreshing: self.pending.is_some(),
        }
    }

    fn is_pending(&self, id: u64) -> bool {
        self.pending().is_some_and(|pending| pending.id() == id)
    }

    fn remove(&mut self, id: u64) {
        if self.is_pending(id) {
            self.pending = None;
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
