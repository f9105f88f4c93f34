//! One request for a token: the task that sends it, and the callers that wait for it.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use azure_core::credentials::AccessToken;
use futures::{
    FutureExt,
    future::{AbortHandle, Aborted},
};
use tracing::{Instrument, Span};

use super::{access_token::Token, clock::Moment};
use crate::{
    Error, ErrorKind, Scope,
    credential::Credential,
    sync::{Handle, timeout, watch},
};

pub(super) type Answer = Result<AccessToken, Error>;
type Outcome = Result<Token, Error>;

/// The owner of a request, which its task reports to. The task does not keep it alive.
pub(super) trait Requester: Send + Sync + 'static {
    /// Takes the answer, and returns what the waiters get.
    fn finish(&self, id: u64, started: Moment, answer: Answer) -> Outcome;

    /// Takes note that the task was dropped before the answer came.
    fn cancelled(&self, id: u64, started: Moment);
}

/// A request that is under way, as its waiters see it.
#[derive(Clone)]
pub(super) struct PendingRequest {
    id: u64,
    started: Moment,
    abort: AbortHandle,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl PendingRequest {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// How long ago it was sent.
    pub(super) fn age(&self, now: Moment) -> Duration {
        now.since(self.started)
    }

    /// Ends the task, as soon as its runtime polls it.
    pub(super) fn abort(&self) {
        self.abort.abort();
    }

    /// Waits for the outcome: `None` when the task was dropped with the runtime that it ran on.
    pub(super) async fn outcome(mut self) -> Option<Outcome> {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}

/// The task's side of a [`PendingRequest`]. Dropping it before it has finished wakes the waiters and frees the place.
pub(super) struct RequestTask<R: Requester> {
    requester: Weak<R>,
    id: u64,
    started: Moment,
    span: Span,
    outcome: watch::Sender<Option<Outcome>>,
}

impl<R: Requester> RequestTask<R> {
    pub(super) fn new(
        requester: &Arc<R>,
        id: u64,
        started: Moment,
        abort: AbortHandle,
    ) -> (Self, PendingRequest) {
        let (sender, receiver) = watch::channel(None);
        let pending = PendingRequest {
            id,
            started,
            abort,
            outcome: receiver,
        };
        let task = Self {
            requester: Arc::downgrade(requester),
            id,
            started,
            span: Span::none(),
            outcome: sender,
        };
        (task, pending)
    }

    /// Awaits `request` in a separate task, within `span`.
    pub(super) fn spawn(
        mut self,
        runtime: &Handle,
        span: Span,
        request: impl Future<Output = Result<Answer, Aborted>> + Send + 'static,
    ) {
        self.span = span.clone();
        let task = async move {
            if let Ok(answer) = request.await {
                self.finish(answer);
            }
        };
        runtime.spawn(task.instrument(span));
    }

    fn finish(self, answer: Answer) {
        if let Some(requester) = self.requester.upgrade() {
            let outcome = requester.finish(self.id, self.started, answer);
            self.outcome.send_replace(Some(outcome));
        }
    }
}

impl<R: Requester> Drop for RequestTask<R> {
    fn drop(&mut self) {
        if self.outcome.borrow().is_none()
            && let Some(requester) = self.requester.upgrade()
        {
            let span = &self.span;
            span.in_scope(|| requester.cancelled(self.id, self.started));
        }
    }
}

/// Calls the credential. A panic and a timeout are errors.
pub(super) async fn send(credential: Credential, scope: Scope, limit: Duration) -> Answer {
    let request = AssertUnwindSafe(credential.request(&scope)).catch_unwind();
    match timeout(limit, request).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(Error::new(
            ErrorKind::TokenRequest,
            format!("{credential} panicked"),
        )
        .with_hint("this is a defect of the credential; its panic message is on standard error")),
        Err(_) => Err(timed_out(&credential, limit)),
    }
}

fn timed_out(credential: &Credential, limit: Duration) -> Error {
    let last_answer = credential
        .last_response()
        .map(|answer| format!(": {answer}"))
        .unwrap_or_default();
    let seconds = limit.as_secs_f64();
    Error::new(
        ErrorKind::TokenRequest,
        format!("{credential} did not answer within {seconds} s{last_answer}"),
    )
    .with_hint("check that the token endpoint can be reached from here")
    .transient(true)
}

/// The runtime that a request is spawned on, and that drives its waiters' timers.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            "a token is needed, but there is no Tokio runtime to request it on",
        )
        .with_hint("call this from a task of a Tokio runtime with I/O and time enabled")
    })
}
