//! One connect: its deadline, the step that it has reached, its span.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{Share, Step};
use crate::{Target, TargetSessionAttrs, observe};

/// One connect. Token, TCP, TLS, authentication and preparation share its deadline, the target's `connect_timeout`.
/// Cheap to clone; clones share the step. [`LoginProvider::reach`](crate::LoginProvider::reach) gives each address a part of it.
#[derive(Clone, Debug)]
pub struct Attempt {
    inner: Arc<Inner>,
    begun: Instant,
    share: Share,
    wanted: TargetSessionAttrs,
}

#[derive(Debug)]
struct Inner {
    report: observe::Connect,
    begun: Instant,
    direct_tls: bool,
    roots: Option<PathBuf>,
    step: AtomicU8,
    token_took: OnceLock<Duration>,
}

impl Attempt {
    /// Begins an attempt to connect to this target, with its deadline. [`LoginProvider::connect`](crate::LoginProvider::connect)
    /// does so; it is of use for a part of a connect that is done alone.
    pub fn new(adapter: &'static str, target: &Target) -> Self {
        let begun = Instant::now();
        Self {
            inner: Arc::new(Inner {
                report: observe::Connect::new(adapter, target),
                begun,
                direct_tls: target.uses_direct_tls(),
                roots: target.root_certificates().file().map(Path::to_owned),
                step: AtomicU8::new(Step::Token as u8),
                token_took: OnceLock::new(),
            }),
            begun,
            share: Share::of(target.connect_timeout(), 1),
            wanted: target.target_session_attrs(),
        }
    }

    /// The part of one address, which begins now.
    pub(super) fn part(&self, share: Share) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            begun: Instant::now(),
            share,
            wanted: self.wanted,
        }
    }

    /// The same, for a server like this.
    pub(super) fn wanting(&self, wanted: TargetSessionAttrs) -> Self {
        Self {
            wanted,
            ..self.clone()
        }
    }

    pub(super) fn wanted(&self) -> TargetSessionAttrs {
        self.wanted
    }

    /// Notes that this step has begun, so that an error, a timeout, a log line and a metric can name it.
    pub fn set_step(&self, step: Step) {
        self.inner.step.store(step as u8, Ordering::Relaxed);
    }

    /// Returns the step that has begun last.
    pub fn step(&self) -> Step {
        Step::from_number(self.inner.step.load(Ordering::Relaxed))
    }

    /// Returns the time that is left.
    pub fn remaining(&self) -> Duration {
        self.share.all.saturating_sub(self.elapsed())
    }

    pub(super) fn set_token_obtained(&self) {
        let _ = self.inner.token_took.set(self.elapsed());
    }

    /// Zero for a part, which begins after it.
    pub(super) fn token_took(&self) -> Duration {
        match self.inner.token_took.get() {
            Some(took) if self.begun == self.inner.begun => *took,
            _ => Duration::ZERO,
        }
    }

    /// The time for this step and those before it.
    pub(super) fn limit(&self) -> Duration {
        match self.step() {
            Step::TcpConnect => self.share.tcp,
            _ => self.share.all,
        }
    }

    pub(super) fn uses_direct_tls(&self) -> bool {
        self.inner.direct_tls
    }

    /// The file that the target names.
    pub(super) fn root_certificates(&self) -> Option<&Path> {
        self.inner.roots.as_deref()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.begun + self.share.all
    }

    /// The earlier deadline of the TCP connection, if there is one.
    pub(super) fn tcp_deadline(&self) -> Option<Instant> {
        (self.share.tcp < self.share.all).then(|| self.begun + self.share.tcp)
    }

    pub(super) fn report(&self) -> &observe::Connect {
        &self.inner.report
    }
}
