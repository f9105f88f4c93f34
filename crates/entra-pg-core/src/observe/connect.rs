//! Connects, from the token to a connection that is ready, and how far they come.

use std::{
    borrow::Borrow,
    fmt::Write,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::{Instrument, Span, field::Empty};

use super::metrics;
use crate::{Error, ErrorKind, Target};

const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A step of a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Getting the token.
    Token,
    /// Dialling, and asking for TLS.
    Reaching,
    /// The TLS handshake.
    Handshake,
    /// Startup and login.
    Authentication,
    /// What an adapter does with a connection before it calls it ready.
    Preparation,
    /// Somewhere between token and ready, with a driver that does not tell where.
    Connecting,
    /// The connection can be used.
    Ready,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Token,
        Self::Reaching,
        Self::Handshake,
        Self::Authentication,
        Self::Preparation,
        Self::Connecting,
        Self::Ready,
    ];

    /// The error of a connect that was stopped in this step by its `limit`. Of that, the token took so much.
    pub fn timed_out(self, limit: Duration, token_took: Duration) -> Error {
        self.stopped(limit, token_took, false)
    }

    /// The error of a connect whose client gave up in this step, after it had `waited`.
    pub fn abandoned(self, waited: Duration, token_took: Duration) -> Error {
        self.stopped(waited, token_took, true)
    }

    fn stopped(self, after: Duration, token_took: Duration, by_client: bool) -> Error {
        let (during, hint) = self.words();
        let seconds = after.as_secs_f64();
        let mut message = if by_client {
            format!("{during} was not done when the client gave up, after {seconds:.1} s")
        } else {
            format!("{during} was not done within {seconds} s")
        };
        if token_took > WORTH_TELLING {
            let took = token_took.as_secs_f64();
            let _ = write!(message, ", of which the token took {took:.1} s");
        }
        let kind = match self {
            Self::Token => ErrorKind::TokenTimeout,
            _ => ErrorKind::ConnectTimeout,
        };
        Error::new(kind, message).with_hint(hint).transient(true)
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => (
                "the request for a token",
                "check that the token endpoint can be reached from here",
            ),
            Self::Reaching | Self::Connecting => (
                "reaching the server",
                "check the host's name and port, and that the server's firewall lets this machine in",
            ),
            Self::Handshake => (
                "the TLS handshake",
                "the server, or something in between, stalls",
            ),
            Self::Authentication => (
                "authentication",
                "the server accepts connections but stalls: check its health",
            ),
            Self::Preparation | Self::Ready => (
                "setting up the session",
                "the server accepts connections but stalls: check its health",
            ),
        }
    }

    /// As logs and metrics call it.
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Reaching => "reaching",
            Self::Handshake => "tls",
            Self::Authentication => "authentication",
            Self::Preparation => "preparation",
            Self::Connecting => "connecting",
            Self::Ready => "ready",
        }
    }
}

/// How far a connect has come. Clones share it, for whoever sees the steps go by.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Notes that this step has begun.
    pub fn reach(&self, step: Step) {
        self.0.store(step as u8, Ordering::Relaxed);
    }

    /// The step that has begun last.
    pub fn step(&self) -> Step {
        let number = usize::from(self.0.load(Ordering::Relaxed));
        Step::ALL.get(number).copied().unwrap_or(Step::Token)
    }
}

/// One connect of an adapter: its span, and what is told when it ends. In a pool that only shows its first connect, that one.
#[derive(Debug)]
pub struct Connect {
    adapter: &'static str,
    host: String,
    begin: Instant,
    span: Span,
    progress: Progress,
}

impl Connect {
    /// Begins with the token.
    pub fn new(adapter: &'static str, target: &Target) -> Self {
        let host = target.hosts()[0].name().to_owned();
        let span = tracing::debug_span!(
            target: "entra_pg::connect", "connect",
            adapter, host, port = target.hosts()[0].port(), phase = Empty, outcome = Empty
        );
        Self {
            adapter,
            host,
            begin: Instant::now(),
            span,
            progress: Progress::default(),
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Runs it in its span, and tells how it ended: also when it is cancelled. Boxed, because what wraps a future holds it
    /// twice, and users' futures hold that.
    ///
    /// # Errors
    /// Those of `connect`.
    pub async fn run<T, E: Borrow<Error>>(
        &self,
        connect: Pin<Box<impl Future<Output = Result<T, E>>>>,
    ) -> Result<T, E> {
        let mut end = End {
            of: self,
            told: false,
        };
        let result = connect.instrument(self.span.clone()).await;
        end.told = true;
        match &result {
            Ok(_) => self.ready(),
            Err(error) => self.failed(error.borrow()),
        }
        result
    }

    /// The server refused a login for this reason; counted for every one, also if the next attempt succeeds. Errors that are
    /// no refusals are ignored.
    pub fn refused(&self, error: &Error) {
        let ErrorKind::Rejected(_) = error.kind() else {
            return;
        };
        let (adapter, host, cause) = (self.adapter, &self.host, error.guide());
        tracing::debug!(
            name: "connect.refused", target: "entra_pg::connect",
            adapter, host, cause, "the server refused the login"
        );
        let labels: metrics::Labels<'_> =
            &[("adapter", &adapter), ("host", host), ("cause", &cause)];
        metrics::count(metrics::REJECTIONS, labels);
    }

    /// The refused login is tried again with the token of this generation.
    pub fn retried(&self, refusal: &Error, generation: u64) {
        let (adapter, host, cause) = (self.adapter, &self.host, refusal.guide());
        tracing::info!(
            name: "connect.retry", target: "entra_pg::connect", parent: &self.span,
            adapter, host, cause, generation, "the server refused the token; trying another"
        );
    }

    fn ready(&self) {
        self.progress.reach(Step::Ready);
        let (adapter, host) = (self.adapter, &self.host);
        let took_s = self.begin.elapsed().as_secs_f64();
        tracing::debug!(
            name: "connect.ready", target: "entra_pg::connect", parent: &self.span,
            adapter, host, took_s, "connected"
        );
        self.ended(Step::Ready.name(), "ready");
    }

    fn failed(&self, error: &Error) {
        let (adapter, host) = (self.adapter, &self.host);
        let (phase, outcome) = (self.phase_of(error), error.guide());
        let took_s = self.begin.elapsed().as_secs_f64();
        tracing::warn!(
            name: "connect.failed", target: "entra_pg::connect", parent: &self.span,
            adapter, host, phase, outcome, %error, took_s, "connect failed"
        );
        self.ended(phase, outcome);
    }

    fn cancelled(&self) {
        let (adapter, host) = (self.adapter, &self.host);
        let phase = self.progress.step().name();
        let took_s = self.begin.elapsed().as_secs_f64();
        tracing::debug!(
            name: "connect.cancelled", target: "entra_pg::connect", parent: &self.span,
            adapter, host, phase, took_s, "connect cancelled"
        );
        self.ended(phase, "cancelled");
    }

    /// Two errors tell the step even where the driver does not.
    fn phase_of(&self, error: &Error) -> &'static str {
        let step = match (self.progress.step(), error.kind()) {
            (Step::Connecting, ErrorKind::Tls) => Step::Handshake,
            (Step::Connecting, ErrorKind::Rejected(_)) => Step::Authentication,
            (step, _) => step,
        };
        step.name()
    }

    fn ended(&self, phase: &'static str, outcome: &'static str) {
        self.span.record("phase", phase).record("outcome", outcome);
        let (adapter, host) = (&self.adapter, &self.host);
        let labels: metrics::Labels<'_> = &[
            ("adapter", adapter),
            ("host", host),
            ("phase", &phase),
            ("outcome", &outcome),
        ];
        metrics::count(metrics::CONNECTS, labels);
        metrics::time(metrics::CONNECT_DURATION, labels, self.begin.elapsed());
    }
}

/// Tells that a connect was cancelled, unless something else was told before.
struct End<'a> {
    of: &'a Connect,
    told: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.of.cancelled();
        }
    }
}

/// A connection ended with an error after it had been ready.
pub fn connection_lost(adapter: &'static str, target: &Target, error: &str) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "connection.lost", target: "entra_pg::connect",
        adapter, host, error, "connection lost"
    );
}

/// A pool was given the token of this generation.
pub fn pool_rotated(target: &Target, generation: u64) {
    let host = target.hosts()[0].name();
    tracing::debug!(
        name: "pool.rotated", target: "entra_pg::pool",
        host, generation, "the pool has the new token"
    );
    metrics::count(metrics::ROTATIONS, &[("host", &host)]);
}

/// A pool is not given a token, because the options that it was given lead elsewhere.
pub fn pool_not_rotated(target: &Target, error: &Error) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "pool.not_rotated", target: "entra_pg::pool",
        host, %error, "the pool gets no token"
    );
}
