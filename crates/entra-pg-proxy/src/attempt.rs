//! One attempt to connect: its deadline, and how far it has come, so that an error can say where it stopped.

use std::{fmt::Write, future::Future, time::Duration};

use entra_pg_core::{
    Error, ErrorKind, Target,
    observe::{Connect, Step},
};
use tokio::time::{Instant, timeout};

const WORTH_TELLING: Duration = Duration::from_secs(1);

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

    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    pub(crate) fn has_token(&mut self) {
        self.token_took = self.begun.elapsed();
    }

    /// Does a part of the step, as long as there is time.
    pub(crate) async fn bound<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        self.connect.progress().reach(step);
        let done = timeout(self.left(), work).await;
        done.map_err(|_| self.stopped(None))
    }

    /// The client went away before the end.
    pub(crate) fn abandoned(&self) -> Error {
        self.stopped(Some(self.begun.elapsed()))
    }

    /// By the deadline, or by the client, which has waited for so long.
    fn stopped(&self, waited: Option<Duration>) -> Error {
        let step = self.connect.progress().step();
        let how = match waited {
            None => format!("was not done within {} s", self.limit.as_secs_f64()),
            Some(waited) => format!(
                "was not done when the client gave up, after {:.1} s",
                waited.as_secs_f64()
            ),
        };
        let (during, hint) = words(step);
        let mut message = format!("{during} {how}");
        if self.token_took > WORTH_TELLING {
            let _ = write!(
                message,
                ", of which the token took {:.1} s",
                self.token_took.as_secs_f64()
            );
        }
        let kind = match step {
            Step::Token => ErrorKind::TokenTimeout,
            _ => ErrorKind::ConnectTimeout,
        };
        Error::new(kind, message).with_hint(hint).transient(true)
    }
}

fn words(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Token => (
            "the request for a token",
            "check that the token endpoint can be reached from here",
        ),
        Step::Reaching | Step::Connecting => (
            "reaching the server",
            "check the host's name and port, and that the server's firewall lets this machine in",
        ),
        Step::Handshake => (
            "the TLS handshake",
            "the server, or something in between, stalls",
        ),
        Step::Authentication => (
            "authentication",
            "the server accepts connections but stalls: check its health",
        ),
        Step::Preparation | Step::Ready => (
            "setting up the session",
            "the server accepts connections but stalls: check its health",
        ),
    }
}
