//! One attempt to connect: its deadline, and how far it has come, so that an error can say where it stopped.

use std::{fmt::Write, future::Future, time::Duration};

use entra_pg_core::{Error, ErrorKind};
use tokio::time::{Instant, timeout};

const WORTH_TELLING: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Token,
    Reaching,
    Handshake,
    Authentication,
    /// What the server does between letting a client in and being ready for its queries.
    Session,
}

/// Token, TCP, TLS, authentication and session share one deadline.
#[derive(Debug)]
pub(crate) struct Attempt {
    begun: Instant,
    limit: Duration,
    step: Step,
    token_took: Duration,
}

impl Attempt {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            begun: Instant::now(),
            limit,
            step: Step::Token,
            token_took: Duration::ZERO,
        }
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
        self.step = step;
        let done = timeout(self.left(), work).await;
        done.map_err(|_| {
            self.stopped(&format!(
                "was not done within {} s",
                self.limit.as_secs_f64()
            ))
        })
    }

    /// The client went away before the end.
    pub(crate) fn abandoned(&self) -> Error {
        let waited = self.begun.elapsed().as_secs_f64();
        self.stopped(&format!(
            "was not done when the client gave up, after {waited:.1} s"
        ))
    }

    fn stopped(&self, how: &str) -> Error {
        let (during, hint) = self.step.words();
        let mut message = format!("{during} {how}");
        if self.token_took > WORTH_TELLING {
            let _ = write!(
                message,
                ", of which the token took {:.1} s",
                self.token_took.as_secs_f64()
            );
        }
        let kind = match self.step {
            Step::Token => ErrorKind::TokenTimeout,
            _ => ErrorKind::ConnectTimeout,
        };
        Error::new(kind, message).with_hint(hint).transient(true)
    }
}

impl Step {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => (
                "the request for a token",
                "check that the token endpoint can be reached from here",
            ),
            Self::Reaching => (
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
            Self::Session => (
                "setting up the session",
                "the server accepts connections but stalls: check its health",
            ),
        }
    }
}
