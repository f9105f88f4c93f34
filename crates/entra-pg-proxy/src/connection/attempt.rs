//! One attempt to connect: its deadline, and how far it has come, so that an error can say where it stopped.

use std::{future::Future, time::Duration};

use entra_pg_core::{
    Error, Target,
    observe::{Connect, Step},
};
use tokio::time::{Instant, timeout};

/// Token, TCP, TLS, authentication and session share one deadline.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    connect: &'a Connect,
    begun: Instant,
    limit: Duration,
    token_took: Duration,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(connect: &'a Connect, target: &Target) -> Self {
        Self {
            connect,
            begun: Instant::now(),
            limit: target.connect_timeout(),
            token_took: Duration::ZERO,
        }
    }

    pub(crate) fn connect(&self) -> &'a Connect {
        self.connect
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    pub(crate) fn record_token(&mut self) {
        self.token_took = self.begun.elapsed();
    }

    /// Runs a part of the step within the time that remains.
    pub(crate) async fn bound<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        self.connect.progress().reach(step);
        let done = timeout(self.remaining(), work).await;
        done.map_err(|_| step.timed_out(self.limit, self.token_took))
    }

    /// The error of a client that disconnected before the end.
    pub(crate) fn abandoned(&self) -> Error {
        let step = self.connect.progress().step();
        step.abandoned(self.begun.elapsed(), self.token_took)
    }
}
