//! When a request is sent, by whom, and what happens when it ends.

use std::{sync::Arc, time::Duration};

use azure_core::credentials::AccessToken;

use super::{
    Issued, Token,
    cache::Inner,
    clock::Moment,
    flight::{Flight, Landing},
};
use crate::{Error, observe::Request};

/// What a caller that needs a request finds.
pub(super) enum Joined {
    Flight(Flight),
    /// No request may be sent for so long. The error is that of the last one, if it failed.
    TooEarly(Duration, Option<Error>),
}

impl Inner {
    /// Sends a request if one may be sent. Whatever comes of it does not concern a caller that has a token.
    pub(super) fn start_if_allowed(self: &Arc<Self>) {
        let _ = self.join(None);
    }

    /// Joins the request in flight, or sends one if that is allowed now: because it is due, or because the server
    /// `rejected` the token of this generation.
    ///
    /// All is decided under one lock, in which nothing can land, and by the time that it is then.
    pub(super) fn join(self: &Arc<Self>, rejected: Option<u64>) -> Result<Joined, Error> {
        self.give_up_stuck();
        let (landing, flight) = {
            let mut ledger = self.ledger();
            let now = self.clock.now();
            if let Some(flight) = &ledger.flight {
                return Ok(Joined::Flight(flight.clone()));
            }
            let pause = ledger.pause_left(&self.policy, self.remaining(now), now);
            let allowed = match rejected {
                None => pause.is_zero() && self.is_due(now),
                Some(generation) => {
                    self.generation() <= Some(generation)
                        && ledger.may_force(generation, &self.policy, now)
                }
            };
            if !allowed {
                return Ok(Joined::TooEarly(pause, ledger.last_error.clone()));
            }
            let number = ledger.next_flight();
            let (landing, flight) = Landing::new(Arc::downgrade(self), number, now);
            ledger.flight = Some(flight.clone());
            (landing, flight)
        };
        // A runtime that is shutting down drops the task inside `spawn`, and dropping it takes the lock.
        let task = landing.take_off(self, rejected.is_some())?;
        if let Some(current) = self.ledger().flight.as_mut().filter(|f| f.id == flight.id) {
            current.task = Some(task);
        }
        Ok(Joined::Flight(flight))
    }

    fn give_up_stuck(&self) {
        let stuck = self.ledger().take_stuck(&self.policy, self.clock.now());
        if let Some(task) = stuck {
            task.abort();
        }
    }

    /// A request on account of a rejection of this generation: the one in flight, or a new one if the ledger allows it and
    /// nothing newer has landed.
    pub(super) fn force(self: &Arc<Self>, generation: u64) -> Option<Flight> {
        match self.join(Some(generation)) {
            Ok(Joined::Flight(flight)) => Some(flight),
            Ok(Joined::TooEarly(..)) | Err(_) => None,
        }
    }

    fn is_due(&self, now: Moment) -> bool {
        let held = self.current.load();
        let due =
            |held: &Arc<Issued>| held.validity.remaining(now) <= held.validity.refresh_margin();
        held.as_ref().is_none_or(due)
    }

    fn generation(&self) -> Option<u64> {
        self.current.load().as_ref().map(|held| held.generation)
    }

    /// The flight ended without a result: its task was dropped, or never started.
    pub(super) fn abandon(&self, id: u64) {
        {
            let mut ledger = self.ledger();
            if ledger.close(id) {
                ledger.forced_for = None;
            }
        }
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
        let (outcome, held) = {
            let mut ledger = self.ledger();
            let held = self.generation();
            let outcome =
                result.and_then(|access| self.accept(&mut ledger, &access, requested, now));
            ledger.note(&outcome, now, fastrand::f64());
            ledger.close(id);
            (outcome, held)
        };
        self.tell(&outcome, held, requested, now);
        self.landings.send_modify(|count| *count += 1);
        outcome
    }

    /// Tells how it ended, after the lock has been released: what listens to logs may ask for our status.
    fn tell(
        &self,
        outcome: &Result<Token, Error>,
        held: Option<u64>,
        requested: Moment,
        now: Moment,
    ) {
        let remaining = self.remaining(now);
        let request = self.request(requested, now);
        match outcome {
            Ok(token) if held == Some(token.generation()) => {
                request.repeated(token.generation(), remaining);
            }
            Ok(token) => request.brought_new(token.generation(), token.expires_on(), remaining),
            Err(error) => {
                let pause = self.ledger().pause_left(&self.policy, remaining, now);
                request.failed(error, remaining, pause);
            }
        }
    }

    /// A request that ends now, to tell about.
    pub(super) fn request(&self, requested: Moment, now: Moment) -> Request<'_> {
        Request {
            credential: &self.credential,
            scope: &self.scope,
            took: now.since(requested),
        }
    }
}
