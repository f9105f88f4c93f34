//! Token requests, from start to end.

use std::{
    fmt::Display,
    time::{Duration, SystemTime},
};

use tracing::{Span, field::Empty};

use super::{STATUS_CODE, STATUS_ERROR, metrics};
use crate::{Error, Scope};

/// The span of a request. It belongs to no caller, since it may serve many and outlive them; it follows from the one that
/// sent it.
pub(crate) fn request(credential: &dyn Display, scope: &Scope, forced: bool) -> Span {
    let span = tracing::debug_span!(
        target: "entra_pg::token", parent: None, "token.request",
        %credential, %scope, forced, outcome = Empty, otel.status_code = Empty
    );
    span.follows_from(Span::current());
    span
}

/// A request that has ended after `took`. Its events go to the current span, which is its own.
pub(crate) struct Request<'a> {
    pub(crate) credential: &'a dyn Display,
    pub(crate) scope: &'a Scope,
    pub(crate) took: Duration,
}

impl Request<'_> {
    /// With a token that was not held before.
    pub(crate) fn obtained(&self, generation: u64, expires_on: SystemTime, remaining: Duration) {
        let Self {
            credential, scope, ..
        } = self;
        let (took_s, remaining_s) = (self.took.as_secs_f64(), remaining.as_secs_f64());
        tracing::info!(
            name: "token.new", target: "entra_pg::token",
            %credential, %scope, generation, remaining_s, took_s, "token obtained"
        );
        let since_1970 = expires_on
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        metrics::set(
            metrics::TOKEN_EXPIRY,
            &[("credential", credential), ("scope", scope)],
            since_1970.as_secs_f64(),
        );
        self.ended("new");
    }

    /// With the token that is held already, as endpoints that cache do.
    pub(crate) fn repeated(&self, generation: u64, remaining: Duration) {
        let Self {
            credential, scope, ..
        } = self;
        let (took_s, remaining_s) = (self.took.as_secs_f64(), remaining.as_secs_f64());
        tracing::debug!(
            name: "token.repeated", target: "entra_pg::token",
            %credential, %scope, generation, remaining_s, took_s, "the endpoint repeated the token"
        );
        self.ended("repeated");
    }

    /// Without a token. What is left of the one held is `remaining`.
    pub(crate) fn failed(&self, error: &Error, remaining: Duration, retry_in: Duration) {
        let Self {
            credential, scope, ..
        } = self;
        let (took_s, remaining_s) = (self.took.as_secs_f64(), remaining.as_secs_f64());
        let (outcome, retry_in_s) = (error.code(), retry_in.as_secs_f64());
        tracing::warn!(
            name: "token.failed", target: "entra_pg::token",
            %credential, %scope, outcome, %error, remaining_s, retry_in_s, took_s, "token request failed"
        );
        Span::current().record(STATUS_CODE, STATUS_ERROR);
        self.ended(outcome);
    }

    /// Its task was dropped with the runtime, or it was given up. The next caller sends another.
    pub(crate) fn cancelled(&self) {
        let Self {
            credential, scope, ..
        } = self;
        let took_s = self.took.as_secs_f64();
        tracing::debug!(
            name: "token.lost", target: "entra_pg::token",
            %credential, %scope, took_s, "token request lost"
        );
        self.ended("lost");
    }

    fn ended(&self, outcome: &'static str) {
        Span::current().record("outcome", outcome);
        let labels: metrics::Labels<'_> = &[
            ("credential", &self.credential),
            ("scope", &self.scope),
            ("outcome", &outcome),
        ];
        metrics::count(metrics::TOKEN_REQUESTS, labels);
        metrics::time(metrics::TOKEN_REQUEST_DURATION, labels, self.took);
    }
}
