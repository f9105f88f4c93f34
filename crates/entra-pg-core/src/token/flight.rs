//! One request for a token, as a task of its own, and the ways it can end: with a result, or lost.

use std::{panic::AssertUnwindSafe, sync::Weak};

use azure_core::credentials::AccessToken;
use futures::FutureExt;
use tracing::{Instrument, Span};

use super::{Token, cache::Inner, clock::Moment};
use crate::{
    Error, ErrorKind, observe,
    sync::{AbortHandle, Handle, timeout, watch},
};

type Outcome = Result<Token, Error>;

/// The runtime that a request is sent on, and its waiters' timers run on.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            "a token is needed, but there is no Tokio runtime to request it on",
        )
        .with_hint("call this from a task of a Tokio runtime with I/O and time enabled")
    })
}

/// A request that is under way, as its waiters see it.
#[derive(Clone)]
pub(super) struct Flight {
    pub(super) id: u64,
    pub(super) requested: Moment,
    pub(super) task: Option<AbortHandle>,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Flight {
    /// The result, or `None` when the request was lost: its task was dropped with the runtime it ran on.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}

/// The task's side of a [`Flight`]. Dropping it without a result tells the cache and the waiters that it was lost.
pub(super) struct Landing {
    cache: Weak<Inner>,
    id: u64,
    requested: Moment,
    /// Of the request, once it has been sent.
    span: Option<Span>,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Landing {
    pub(super) fn new(cache: Weak<Inner>, id: u64, requested: Moment) -> (Self, Flight) {
        let (sender, receiver) = watch::channel(None);
        let flight = Flight {
            id,
            requested,
            task: None,
            outcome: receiver,
        };
        let landing = Self {
            cache,
            id,
            requested,
            span: None,
            outcome: sender,
        };
        (landing, flight)
    }

    /// Spawns the request on the current runtime. The task holds no strong reference to the cache: when the last handle
    /// goes, the request ends with it.
    pub(super) fn take_off(mut self, cache: &Inner, forced: bool) -> Result<AbortHandle, Error> {
        let runtime = runtime()?;
        let (credential, scope) = (cache.credential.clone(), cache.scope.clone());
        let limit = cache.policy.fetch_timeout;
        let span = observe::request(&credential, &scope, forced);
        self.span = Some(span.clone());
        let request = async move {
            let request = AssertUnwindSafe(credential.request(&scope)).catch_unwind();
            let result = match timeout(limit, request).await {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(Error::new(
                    ErrorKind::TokenRequest,
                    format!("{credential} panicked"),
                )
                .with_hint(
                    "this is a defect of the credential; its panic message is on standard error",
                )),
                Err(_) => Err(Error::new(
                    ErrorKind::TokenRequest,
                    format!(
                        "{credential} did not answer within {} s{}",
                        limit.as_secs_f64(),
                        credential
                            .last_answer()
                            .map(|a| format!(": {a}"))
                            .unwrap_or_default()
                    ),
                )
                .with_hint("check that the token endpoint can be reached from here")
                .transient(true)),
            };
            self.land(result);
        };
        let task = runtime.spawn(request.instrument(span));
        Ok(task.abort_handle())
    }

    fn land(self, result: Result<AccessToken, Error>) {
        if let Some(cache) = self.cache.upgrade() {
            let outcome = cache.complete(self.id, self.requested, result);
            self.outcome.send_replace(Some(outcome));
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.outcome.borrow().is_none()
            && let Some(cache) = self.cache.upgrade()
        {
            cache.abandon(self.id);
            if let Some(span) = self.span.take() {
                let now = cache.clock.now();
                span.in_scope(|| cache.request(self.requested, now).lost());
            }
        }
    }
}
