//! What went wrong in a connect, as an adapter reports it, and the one set of messages and hints for it.

use std::{
    error::Error as StdError,
    fmt::{self, Write},
    future::Future,
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout_at;

use entra_pg_rustls::rustls;

use super::{
    Attempt, Rejection, Step,
    authentication::is_password,
    chain, redact,
    refusal::refusal,
    tls_fault::{NO_ALPN, is_not_tls, rustls_error, tls_fault, unverified},
};
use crate::{Error, ErrorKind};

const BROKEN: &str =
    "look at the server's log for the reason, and check any firewall or proxy in between";

/// The server is starting, stopping, or in recovery.
const UNAVAILABLE_STATES: [&str; 3] = ["57P01", "57P02", "57P03"];

/// What went wrong in a connect, as an adapter maps it from its driver's error. The core makes the [`Error`], which names
/// the step, the cause and the cure in the same words for all adapters.
///
/// ```
/// use entra_pg_core::connect::Failure;
///
/// # struct DriverError { sqlstate: Option<(String, String)>, io: std::io::Error }
/// fn failure(error: DriverError) -> Failure {
///     match error.sqlstate {
///         Some((sqlstate, message)) => Failure::refused(sqlstate, message),
///         None => Failure::broken(&error.io),
///     }
/// }
/// ```
pub struct Failure {
    cause: Cause,
    driver_error: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What another of the target's servers can help against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another address may answer.
    Address,
    /// Another host may.
    Host,
    /// It would be the same there.
    Nothing,
}

#[derive(Debug)]
enum Cause {
    NoTls,
    Tls(Box<rustls::Error>),
    /// In the words of another library for TLS.
    Unverified(String),
    Refused {
        sqlstate: String,
        message: String,
    },
    NotEntra(String),
    Broken {
        reason: String,
        of_tls: bool,
        hung_up: bool,
    },
    TimedOut,
    /// Connected, but to a server that is not as wanted.
    Unsuitable(Error),
    Other(Error),
}

impl Cause {
    /// A server that waits for a request for TLS takes a handshake for one, and says so in bytes that are no TLS, or hangs up.
    fn may_await_request(&self) -> bool {
        match self {
            Self::Tls(error) => is_not_tls(error),
            Self::Broken { .. } => true,
            _ => false,
        }
    }
}

impl Failure {
    /// The server offers no TLS, so the token was not sent.
    pub fn no_tls() -> Self {
        Cause::NoTls.into()
    }

    /// The server's certificate was not accepted.
    pub fn unverified(error: &(dyn StdError + 'static)) -> Self {
        of_rustls(error).unwrap_or_else(|| Cause::Unverified(chain(error)).into())
    }

    /// The server refused the connection with this SQLSTATE and message. Where another token can help, the connect is tried
    /// once more.
    pub fn refused(sqlstate: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        Cause::Refused {
            sqlstate: redact(sqlstate.as_ref()),
            message: redact(message.as_ref()),
        }
        .into()
    }

    /// The server requests something other than a token, such as `a SCRAM password`. The token was not sent.
    pub fn not_entra(requested: impl Into<String>) -> Self {
        Cause::NotEntra(requested.into()).into()
    }

    /// The connection could not be opened, or broke, in the step that the [`Attempt`] has reached. An error of rustls, however
    /// deep, is named as what it is; what another library for TLS does not accept is an I/O error about invalid data.
    pub fn broken(error: &(dyn StdError + 'static)) -> Self {
        of_rustls(error).unwrap_or_else(|| {
            let kind = io_kind(error);
            Cause::Broken {
                reason: match kind {
                    Some(io::ErrorKind::UnexpectedEof) => "the server closed it".to_owned(),
                    _ => chain(error),
                },
                of_tls: kind == Some(io::ErrorKind::InvalidData),
                hung_up: kind.is_some_and(|kind| HUNG_UP.contains(&kind)),
            }
            .into()
        })
    }

    /// The step that the [`Attempt`] has reached did not end in time. [`Attempt::timeout`] returns it.
    pub fn timed_out() -> Self {
        Cause::TimedOut.into()
    }

    pub(super) fn unsuitable(error: Error) -> Self {
        Cause::Unsuitable(error).into()
    }

    pub(super) fn is_unsuitable(&self) -> bool {
        matches!(self.cause, Cause::Unsuitable(_))
    }

    /// Keeps the driver's error for [`Error::driver_error`]. Its `Debug` must not print a secret.
    #[must_use]
    pub fn with_driver_error(self, error: impl StdError + Send + Sync + 'static) -> Self {
        self.with_shared_driver_error(Arc::new(error))
    }

    /// Keeps an error that the driver shares, as [`with_driver_error`](Self::with_driver_error) does.
    #[must_use]
    pub fn with_shared_driver_error(mut self, error: Arc<dyn StdError + Send + Sync>) -> Self {
        self.driver_error = Some(error);
        self
    }

    /// Whether the server refused the token, and why.
    pub(super) fn rejection(&self) -> Option<Rejection> {
        match &self.cause {
            Cause::Refused { sqlstate, message } => Rejection::classify(sqlstate, message),
            Cause::NotEntra(_) => Some(Rejection::NotEntra),
            _ => None,
        }
    }

    pub(super) fn is_timeout(&self) -> bool {
        match &self.cause {
            Cause::TimedOut => true,
            Cause::Other(error) => error.kind() == ErrorKind::ConnectTimeout,
            _ => false,
        }
    }

    /// Where to go on, as libpq does. A server that is not verified ends it, and so does a refusal: the token is not sent
    /// elsewhere to find out whether it is refused there, too.
    pub(super) fn next(&self) -> Next {
        match &self.cause {
            Cause::TimedOut | Cause::Broken { of_tls: false, .. } => Next::Address,
            Cause::Other(error) if error.is_transient() => Next::Address,
            Cause::Refused { sqlstate, .. } if UNAVAILABLE_STATES.contains(&&**sqlstate) => {
                Next::Host
            }
            // Its other addresses are the same server's, as libpq assumes.
            Cause::Unsuitable(_) => Next::Host,
            _ => Next::Nothing,
        }
    }

    /// Makes the error of `attempt`, which logged in as `user`. [`LoginProvider::connect`](crate::LoginProvider::connect) does
    /// so for what its `open` returns.
    pub fn into_error(self, user: &str, attempt: &Attempt) -> Error {
        let may_await_request = attempt.uses_direct_tls()
            && attempt.step() == Step::TlsHandshake
            && self.cause.may_await_request();
        let error = match self.cause {
            Cause::NoTls => no_tls(),
            Cause::Tls(error) => tls_fault(&error, attempt.root_certificates()),
            Cause::Unverified(reason) => unverified(&reason),
            Cause::Refused { sqlstate, message } => refused(user, &sqlstate, &message),
            Cause::NotEntra(requested) => not_entra(user, &requested),
            Cause::Broken { hung_up: true, .. } if attempt.step() == Step::TcpConnect => hung_up(),
            Cause::Broken { reason, of_tls, .. } => broken(attempt.step(), &reason, of_tls),
            Cause::TimedOut => timed_out(attempt.step(), attempt.limit(), attempt.token_took()),
            Cause::Unsuitable(error) | Cause::Other(error) => error,
        };
        let error = if may_await_request {
            error.with_hint(NO_ALPN)
        } else {
            error
        };
        match self.driver_error {
            Some(driver_error) => error.with_shared_driver_error(driver_error),
            None => error,
        }
    }
}

impl Attempt {
    /// Does a part of `step` for as long as there is time.
    ///
    /// # Errors
    /// [`Failure::timed_out`]. `work` is then dropped, as it is when the returned future is.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time enabled.
    pub async fn timeout<T>(
        &self,
        step: Step,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        self.set_step(step);
        let mut work = pin!(work);
        if let Some(deadline) = self.tcp_deadline() {
            if let Ok(done) = timeout_at(deadline, &mut work).await {
                return Ok(done);
            }
            // A driver that connects in one call may have gone on.
            if self.step() == Step::TcpConnect {
                return Err(Failure::timed_out());
            }
        }
        let done = timeout_at(self.deadline(), work).await;
        done.map_err(|_| Failure::timed_out())
    }

    /// The error of this attempt if its caller cancels it now.
    pub(super) fn cancelled(&self) -> Error {
        stopped(self.step(), self.elapsed(), self.token_took(), true)
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            driver_error: None,
        }
    }
}

/// For what only the adapter knows.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Cause::Other(error).into()
    }
}

/// Without the driver's error, whose `Debug` may print more than its text.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failure").field(&self.cause).finish()
    }
}

/// What a server that ends a connection looks like; to the request for TLS that is its only response.
const HUNG_UP: [io::ErrorKind; 4] = [
    io::ErrorKind::UnexpectedEof,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::BrokenPipe,
];

fn of_rustls(error: &(dyn StdError + 'static)) -> Option<Failure> {
    rustls_error(error).map(|error| Cause::Tls(Box::new(error.clone())).into())
}

fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = cause.source();
    }
    None
}

fn hung_up() -> Error {
    Error::new(
        ErrorKind::Connect,
        "the server closed the connection in place of a response to the request for TLS",
    )
    .with_hint(
        "check that the host and the port are a PostgreSQL server's; if so, look at its log, and at any firewall or proxy in between",
    )
    .with_transient(true)
}

fn no_tls() -> Error {
    Error::new(ErrorKind::Tls, "the server does not support TLS")
        .with_hint("the token was not sent: check the host and the port; Azure's servers have TLS, one of your own needs ssl=on")
}

pub(crate) fn refused(user: &str, sqlstate: &str, message: &str) -> Error {
    if let Some(rejection) = Rejection::classify(sqlstate, message) {
        return rejected(rejection, user, message);
    }
    let known = refusal(sqlstate, message);
    Error::new(
        ErrorKind::Connect,
        format!("the server refused the connection: {message} (SQLSTATE {sqlstate})"),
    )
    .with_hint(known.map_or(
        "the message is the server's own; its log may hold more",
        |known| known.hint,
    ))
    .with_transient(known.is_some_and(|known| known.transient))
}

fn not_entra(user: &str, requested: &str) -> Error {
    let message = format!("it requests {requested}, not a token");
    let error = rejected(Rejection::NotEntra, user, &message);
    if is_password(requested) {
        return error;
    }
    error.with_hint(
        "Azure's servers request none: check the host and the port; on a server of your own, correct the line of pg_hba.conf",
    )
}

fn rejected(rejection: Rejection, user: &str, message: &str) -> Error {
    Error::new(
        ErrorKind::Rejected(rejection),
        format!("the server refused the login of \"{user}\": {message}"),
    )
    .with_hint(rejection.hint(user))
    .with_transient(rejection == Rejection::NotYetValid)
}

fn broken(step: Step, reason: &str, of_tls: bool) -> Error {
    match step {
        Step::TlsHandshake | Step::Connecting if of_tls => unverified(reason),
        Step::Token | Step::TcpConnect | Step::Connecting => {
            Error::new(ErrorKind::Connect, reason).with_hint(Step::TcpConnect.timeout_hint())
        }
        step => Error::new(
            ErrorKind::Connect,
            format!("the connection broke during {}: {reason}", step.noun()),
        )
        .with_hint(BROKEN),
    }
    .with_transient(!of_tls)
}

fn timed_out(step: Step, limit: Duration, token_took: Duration) -> Error {
    stopped(step, limit, token_took, false)
}

fn stopped(step: Step, after: Duration, token_took: Duration, by_caller: bool) -> Error {
    let (step_name, seconds) = (step.noun(), after.as_secs_f64());
    let mut message = if by_caller {
        format!("{step_name} had not finished when the caller gave up after {seconds:.1} s")
    } else {
        // One decimal, if there is one.
        let seconds = (seconds * 10.0).round() / 10.0;
        format!("{step_name} timed out after {seconds} s")
    };
    if token_took > Duration::from_secs(1) {
        let seconds = token_took.as_secs_f64();
        let _ = write!(message, ", of which the token took {seconds:.1} s");
    }
    let kind = match step {
        Step::Token => ErrorKind::TokenTimeout,
        _ => ErrorKind::ConnectTimeout,
    };
    Error::new(kind, message)
        .with_hint(step.timeout_hint())
        .with_transient(true)
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
