//! The books of a cache: what is in flight, what the latest request brought, and when the next may be sent.

use std::time::{Duration, SystemTime};

use super::{
    Token,
    clock::Moment,
    flight::Flight,
    policy::{Random, RefreshPolicy, RejectionBudget},
};
use crate::{Error, sync::AbortHandle};

/// After its timeout a request that is driven ends itself; one that has not by then is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Ledger {
    pub(super) flight: Option<Flight>,
    flights: u64,
    pub(super) failures: u32,
    latest: Option<Attempt>,
    pub(super) last_error: Option<Error>,
    pub(super) last_refresh: Option<SystemTime>,
    /// The generation for which a rejection has already forced a request.
    pub(super) forced_for: Option<u64>,
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

impl Ledger {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            flight: None,
            flights: 0,
            failures: 0,
            latest: None,
            last_error: None,
            last_refresh: None,
            forced_for: None,
            rejections: RejectionBudget::new(now),
        }
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

    pub(super) fn next_flight(&mut self) -> u64 {
        self.flights += 1;
        self.flights
    }

    /// When the latest request ended, one way or the other.
    pub(super) fn last_attempt(&self) -> Option<SystemTime> {
        self.latest.map(|attempt| attempt.ended.wall)
    }

    /// Takes off the books a request that is older than any may get: its runtime is not driven, or the machine slept and its
    /// connection is dead. The task is to be aborted once the lock is released.
    pub(super) fn take_stuck(
        &mut self,
        policy: &RefreshPolicy,
        now: Moment,
    ) -> Option<AbortHandle> {
        let limit = policy.fetch_timeout.saturating_add(STUCK_AFTER);
        let stuck = |flight: &mut Flight| now.since(flight.requested) > limit;
        let flight = self.flight.take_if(stuck)?;
        // If a rejection has forced it: what was lost may be forced again.
        self.forced_for = None;
        flight.task
    }

    /// Whether a rejection of this generation may force a request now. If so, it counts.
    pub(super) fn may_force(
        &mut self,
        generation: u64,
        policy: &RefreshPolicy,
        now: Moment,
    ) -> bool {
        let already = self.forced_for == Some(generation);
        if already || !self.rejections.take(now, policy.rejection_interval) {
            return false;
        }
        self.forced_for = Some(generation);
        true
    }

    /// Notes how a request ended.
    pub(super) fn note(&mut self, outcome: &Result<Token, Error>, now: Moment, random: Random) {
        match outcome {
            Ok(_) => {
                self.failures = 0;
                self.last_error = None;
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.last_error = Some(error.clone());
                // What has failed may be forced again; the budget bounds how often.
                self.forced_for = None;
            }
        }
        self.latest = Some(Attempt {
            ended: now,
            succeeded: outcome.is_ok(),
            retry_after: outcome.as_ref().err().and_then(Error::retry_after),
            random,
        });
    }

    /// Takes the flight off the books, if it is still this one.
    pub(super) fn close(&mut self, flight: u64) -> bool {
        self.flight
            .take_if(|current| current.id == flight)
            .is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::token::{clock::Clock, flight::Landing};

    /// Sends a request, whose landing nobody holds.
    fn send(ledger: &mut Ledger, now: Moment) -> u64 {
        let number = ledger.next_flight();
        ledger.flight = Some(Landing::new(Weak::new(), number, now).1);
        number
    }

    #[test]
    fn a_request_is_not_given_up_before_it_could_end_itself() {
        let (start, policy) = (Clock::default().now(), RefreshPolicy::default());
        let mut ledger = Ledger::new(start);
        send(&mut ledger, start);
        let limit = policy.fetch_timeout + STUCK_AFTER;
        ledger.take_stuck(&policy, start.after(limit));
        assert!(ledger.flight.is_some());
        ledger.take_stuck(&policy, start.after(limit + Duration::from_millis(1)));
        assert!(ledger.flight.is_none());
    }

    #[test]
    fn a_forced_request_that_was_given_up_can_be_forced_again() {
        let (start, policy) = (Clock::default().now(), RefreshPolicy::default());
        let mut ledger = Ledger::new(start);
        assert!(ledger.may_force(5, &policy, start));
        send(&mut ledger, start);
        let later = start.after(Duration::from_secs(600));
        assert!(!ledger.may_force(5, &policy, later), "one is in flight");
        ledger.take_stuck(&policy, later);
        assert!(ledger.may_force(5, &policy, later));
    }

    #[test]
    fn a_request_that_may_take_for_ever_does_not_overflow() {
        let start = Clock::default().now();
        let policy = RefreshPolicy {
            fetch_timeout: Duration::MAX,
            ..RefreshPolicy::default()
        };
        let mut ledger = Ledger::new(start);
        send(&mut ledger, start);
        ledger.take_stuck(&policy, start.after(Duration::from_secs(600)));
        assert!(ledger.flight.is_some());
    }

    #[test]
    fn a_request_that_was_given_up_does_not_end_the_one_that_replaced_it() {
        let (start, policy) = (Clock::default().now(), RefreshPolicy::default());
        let mut ledger = Ledger::new(start);
        let given_up = send(&mut ledger, start);
        let later = start.after(Duration::from_secs(600));
        ledger.take_stuck(&policy, later);
        let current = send(&mut ledger, later);
        assert!(!ledger.close(given_up));
        assert!(ledger.flight.is_some());
        assert!(ledger.close(current));
        assert!(ledger.flight.is_none());
    }
}
