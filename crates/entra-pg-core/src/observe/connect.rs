//! Connects, from the token to a connection that is ready, and which step they reach.

use std::{future::Future, time::Instant};

use tracing::{Instrument, Span, field::Empty};

use super::{STATUS_CODE, STATUS_ERROR, metrics};
use crate::{Error, Target};

/// One connect of an adapter: its span, and what is logged and counted when it ends.
#[derive(Debug)]
pub(crate) struct Connect {
    adapter: &'static str,
    host: String,
    begin: Instant,
    span: Span,
}

impl Connect {
    pub(crate) fn new(adapter: &'static str, target: &Target) -> Self {
        let (host, port) = (first_host(target), target.hosts()[0].port());
        let span = tracing::debug_span!(
            target: "entra_pg::connect", "connect",
            adapter, host, port, step = Empty, outcome = Empty, otel.status_code = Empty
        );
        Self {
            adapter,
            host: host.to_owned(),
            begin: Instant::now(),
            span,
        }
    }

    pub(crate) fn in_span<F: Future>(
        &self,
        connect: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        connect.instrument(self.span.clone())
    }

    /// The server refused a login; counted for every one, also if the next try succeeds.
    pub(crate) fn refused(&self, error: &Error) {
        let (adapter, host, cause) = (self.adapter, &self.host, error.code());
        tracing::debug!(
            name: "connect.refused", target: "entra_pg::connect",
            adapter, host, cause, "the server refused the login"
        );
        let labels: metrics::Labels<'_> =
            &[("adapter", &adapter), ("host", host), ("cause", &cause)];
        metrics::count(metrics::REJECTIONS, labels);
    }

    /// The login is tried once more, with the token of this generation.
    pub(crate) fn retried(&self, refusal: &Error, generation: u64) {
        let (adapter, host, cause) = (self.adapter, &self.host, refusal.code());
        tracing::info!(
            name: "connect.retry", target: "entra_pg::connect", parent: &self.span,
            adapter, host, cause, generation, "the server refused the token; trying another"
        );
    }

    pub(crate) fn ready(&self) {
        let (adapter, host) = (self.adapter, &self.host);
        let took_s = self.begin.elapsed().as_secs_f64();
        tracing::debug!(
            name: "connect.ready", target: "entra_pg::connect", parent: &self.span,
            adapter, host, took_s, "connected"
        );
        self.ended("ready", "ready");
    }

    /// It failed in this step.
    pub(crate) fn failed(&self, step: &'static str, error: &Error) {
        let (adapter, host) = (self.adapter, &self.host);
        let outcome = error.code();
        let took_s = self.begin.elapsed().as_secs_f64();
        tracing::warn!(
            name: "connect.failed", target: "entra_pg::connect", parent: &self.span,
            adapter, host, step, outcome, %error, took_s, "connect failed"
        );
        self.span.record(STATUS_CODE, STATUS_ERROR);
        self.ended(step, outcome);
    }

    /// It was cancelled in this step.
    pub(crate) fn cancelled(&self, step: &'static str) {
        let (adapter, host) = (self.adapter, &self.host);
        let took_s = self.begin.elapsed().as_secs_f64();
        tracing::debug!(
            name: "connect.cancelled", target: "entra_pg::connect", parent: &self.span,
            adapter, host, step, took_s, "connect cancelled"
        );
        self.ended(step, "cancelled");
    }

    fn ended(&self, step: &'static str, outcome: &'static str) {
        self.span.record("step", step).record("outcome", outcome);
        let (adapter, host) = (&self.adapter, &self.host);
        let labels: metrics::Labels<'_> = &[
            ("adapter", adapter),
            ("host", host),
            ("step", &step),
            ("outcome", &outcome),
        ];
        metrics::count(metrics::CONNECTS, labels);
        metrics::time(metrics::CONNECT_DURATION, labels, self.begin.elapsed());
    }
}

/// A connection ended with an error after it had been ready.
pub(crate) fn connection_lost(adapter: &'static str, target: &Target, error: &str) {
    let host = first_host(target);
    tracing::warn!(
        name: "connection.lost", target: "entra_pg::connect",
        adapter, host, error, "connection lost"
    );
}

/// A pool was given the token of this generation.
pub(crate) fn pool_rotated(target: &Target, generation: u64) {
    let host = first_host(target);
    tracing::debug!(
        name: "pool.rotated", target: "entra_pg::pool",
        host, generation, "the pool has the new token"
    );
    metrics::count(metrics::ROTATIONS, &[("host", &host)]);
}

/// A pool is not given a token, because the options that it was given lead elsewhere.
pub(crate) fn pool_not_rotated(target: &Target, error: &Error) {
    let host = first_host(target);
    tracing::warn!(
        name: "pool.not_rotated", target: "entra_pg::pool",
        host, %error, "the pool gets no token"
    );
}

/// The host that logs and metrics name.
fn first_host(target: &Target) -> &str {
    target.hosts()[0].name()
}
