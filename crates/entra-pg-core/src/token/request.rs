//! One request for a token: the task that sends it, and the callers that wait for it.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use azure_core::credentials::AccessToken;
use futures::{
    FutureExt,
    future::{AbortHandle, Aborted, pending},
};
use tracing::{Instrument, Span};

use super::{access_token::Token, clock::Moment};
use crate::{
    Error, ErrorKind, Scope,
    credential::{Credential, Limits},
    sync::{Handle, sleep, timeout, watch},
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
    /// Whether a caller without a token waits for it.
    needed: Arc<watch::Sender<bool>>,
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

    /// Turns true when a caller needs the outcome.
    pub(super) fn needed(&self) -> watch::Receiver<bool> {
        self.needed.subscribe()
    }

    /// Notes that there is no valid token: a request that hangs is joined by a second one.
    pub(super) fn need(&self) {
        self.needed.send_replace(true);
    }

    /// Waits as [`outcome`](Self::outcome) does, for a caller without a token.
    pub(super) async fn needed_outcome(self) -> Option<Outcome> {
        self.need();
        self.outcome().await
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
            needed: Arc::new(watch::Sender::new(false)),
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

/// Sends one request, and if that hangs while a caller needs the answer a second one beside it. The first answer counts.
pub(super) async fn send(
    credential: Credential,
    scope: Scope,
    limits: Limits,
    needed: watch::Receiver<bool>,
) -> Answer {
    let mut first_answer = pin!(async {
        tokio::select! {
            biased;
            answer = call(&credential, &scope) => answer,
            answer = hedge(&credential, &scope, limits.hedge_after, needed) => answer,
        }
    });
    match timeout(limits.timeout, first_answer.as_mut()).await {
        // While it is still there to say what it waits for.
        Ok(answer) => answer,
        Err(_) => Err(timed_out(&credential, limits.timeout)),
    }
}

/// Sends the second request, and replaces it when it hangs too: the endpoint may be well by then. The first goes on beside
/// it, for an endpoint that is only slow.
async fn hedge(
    credential: &Credential,
    scope: &Scope,
    after: Duration,
    mut needed: watch::Receiver<bool>,
) -> Answer {
    sleep(after).await;
    if needed.wait_for(|needed| *needed).await.is_err() {
        return pending().await;
    }
    loop {
        let answer = timeout(after.saturating_mul(3), call(credential, scope));
        if let Ok(answer) = answer.await {
            return answer;
        }
    }
}

/// Calls the credential. A panic is an error.
async fn call(credential: &Credential, scope: &Scope) -> Answer {
    let request = AssertUnwindSafe(credential.request(scope)).catch_unwind();
    request.await.unwrap_or_else(|_panic| {
        Err(
            Error::new(ErrorKind::TokenRequest, format!("{credential} panicked")).with_hint(
                "this is a defect of the credential; its panic message is on standard error",
            ),
        )
    })
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
    .with_hint(credential.timeout_hint())
    .with_transient(true)
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
