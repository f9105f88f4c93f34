//! One connect: its deadline, the step that it has reached, its span.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::Step;
use crate::{Target, observe};

/// One connect. Token, TCP, TLS, authentication and preparation share its deadline, the target's `connect_timeout`.
/// Cheap to clone; clones share the step.
#[derive(Clone, Debug)]
pub struct Attempt(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    report: observe::Connect,
    begun: Instant,
    limit: Duration,
    step: AtomicU8,
    token_took: OnceLock<Duration>,
}

impl Attempt {
    pub(super) fn new(adapter: &'static str, target: &Target) -> Self {
        Self(Arc::new(Inner {
            report: observe::Connect::new(adapter, target),
            begun: Instant::now(),
            limit: target.connect_timeout(),
            step: AtomicU8::new(Step::Token as u8),
            token_took: OnceLock::new(),
        }))
    }

    /// Notes that this step has begun, so that an error, a timeout, a log line and a metric can name it.
    pub fn set_step(&self, step: Step) {
        self.0.step.store(step as u8, Ordering::Relaxed);
    }

    /// Returns the step that has begun last.
    pub fn step(&self) -> Step {
        Step::from_number(self.0.step.load(Ordering::Relaxed))
    }

    /// Returns the time that is left.
    pub fn remaining(&self) -> Duration {
        self.0.limit.saturating_sub(self.elapsed())
    }

    pub(super) fn set_token_obtained(&self) {
        let _ = self.0.token_took.set(self.elapsed());
    }

    pub(super) fn token_took(&self) -> Duration {
        self.0.token_took.get().copied().unwrap_or_default()
    }

    pub(super) fn limit(&self) -> Duration {
        self.0.limit
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.begun.elapsed()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.0.begun + self.0.limit
    }

    pub(super) fn report(&self) -> &observe::Connect {
        &self.0.report
    }
}
