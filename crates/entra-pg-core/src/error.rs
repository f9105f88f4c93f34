//! The one error type of every adapter.
//!
//! An error says in which [`Phase`] something failed, what failed ([`ErrorKind`]), why (the cause, in words), what to do
//! about it, and where to read more ([`Error::hint`]). Its texts hold no secret: whatever comes from outside passes
//! [`redact`](crate::redact::redact) first, and the original error of a credential is never kept.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use crate::{redact::redact, rejection::Rejection};

/// What was being done when the error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reading the URL, the environment or a certificate file. Nothing was sent anywhere.
    Configuration,
    /// Getting a token from Microsoft Entra. The database was not contacted.
    Token,
    /// Opening the connection: TCP, TLS or authentication.
    Connection,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Token => "token",
            Self::Connection => "connection",
        })
    }
}

/// What failed, for programs. [`Error`]'s `Display` is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL, a `PG*` variable or a parameter in them cannot be used.
    InvalidTarget,
    /// The URL holds a password. The token is the password; a second one is a mistake, or a leak.
    PasswordInUrl,
    /// `sslmode` asks for a connection on which the token could be read by others.
    InsecureTls,
    /// The root certificates could not be read, or there are none.
    RootCertificates,
    /// The environment does not say which credential to use, or says so incompletely.
    NoCredential,
    /// No user was given, and the token names none.
    NoUser,
    /// The credential, or the endpoint behind it, gave no token.
    TokenRequest,
    /// What came back as a token cannot be one: empty, or expired on arrival.
    UnusableToken,
    /// No token came within the time allowed.
    TokenTimeout,
    /// The server could not be reached, or the connection broke before it was ready.
    Connect,
    /// The connection was not ready within the time allowed.
    ConnectTimeout,
    /// The server's certificate was not accepted, or the server offers no TLS.
    Tls,
    /// The server refused the login.
    Rejected(Rejection),
    /// The local proxy could not listen where it was told to: the port or the socket is taken, or its directory is open to others.
    Listen,
    /// A call that needs a Tokio runtime was made outside of one, or in one that is shutting down.
    Runtime,
}

impl ErrorKind {
    /// The phase that this kind of error belongs to.
    pub fn phase(self) -> Phase {
        match self {
            Self::InvalidTarget
            | Self::PasswordInUrl
            | Self::InsecureTls
            | Self::RootCertificates
            | Self::NoCredential
            | Self::NoUser
            | Self::Listen
            | Self::Runtime => Phase::Configuration,
            Self::TokenRequest | Self::UnusableToken | Self::TokenTimeout => Phase::Token,
            Self::Connect | Self::ConnectTimeout | Self::Tls | Self::Rejected(_) => {
                Phase::Connection
            }
        }
    }
}

/// An error of this crate or of an adapter. Cheap to clone: one failed token request answers every waiting caller.
///
/// `Display` gives one line that holds everything: phase, what failed, why, and the hint. It is what should be logged.
/// [`source`](StdError::source) gives the driver's own error where there is one, to be downcast.
#[derive(Clone)]
pub struct Error(Arc<Details>);

struct Details {
    kind: ErrorKind,
    message: String,
    hint: String,
    transient: bool,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error that a retry cannot help. `message` says what failed and why. What to do is said in general words until
    /// [`with_hint`](Self::with_hint) knows better.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self(Arc::new(Details {
            kind,
            message: redact(message.as_ref()),
            hint: reference(kind.advice(), kind),
            transient: false,
            retry_after: None,
            source: None,
        }))
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        let hint = reference(&redact(&hint.into()), self.kind());
        self.map(|details| details.hint = hint)
    }

    /// Says that the same call may succeed later.
    #[must_use]
    pub fn transient(self, transient: bool) -> Self {
        self.map(|details| details.transient = transient)
    }

    /// Keeps the driver's error as the [`source`](StdError::source). It must not be one whose `Debug` prints a secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.map(|details| details.source = Some(source.into()))
    }

    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.map(|details| details.retry_after = retry_after)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What failed, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    pub fn phase(&self) -> Phase {
        self.0.kind.phase()
    }

    /// Whether the same call may succeed later without anything being changed.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// The heading of `docs/errors.md` that says what it means and what to do.
    pub fn guide(&self) -> &'static str {
        self.0.kind.guide()
    }

    /// What failed and why, without phase and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, and which heading of the error guide says more.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// `Arc` because errors are shared; builders run before that, so the clone of the details never happens in practice.
    fn map(self, change: impl FnOnce(&mut Details)) -> Self {
        let mut details = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Details {
            kind: shared.kind,
            message: shared.message.clone(),
            hint: shared.hint.clone(),
            transient: shared.transient,
            retry_after: shared.retry_after,
            source: None,
        });
        change(&mut details);
        Self(Arc::new(details))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { message, hint, .. } = &*self.0;
        write!(f, "{} failed: {message} ({hint})", self.phase())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("hint", &self.0.hint)
            .field("transient", &self.0.transient)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// The crates have no known address on the web; the file lies in their repository.
fn reference(hint: &str, kind: ErrorKind) -> String {
    format!("{hint}; see docs/errors.md#{}", kind.guide())
}

/// The texts of an error and of all its sources, joined by `: `, each said once.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = source.source();
    }
    redact(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_out_neither_the_cause_nor_the_cure() {
        let error =
            Error::new(ErrorKind::NoUser, "no user").with_hint("write postgres://NAME@host/db");
        assert_eq!(
            error.to_string(),
            "configuration failed: no user (write postgres://NAME@host/db; see docs/errors.md#no-user)"
        );
    }

    #[test]
    fn no_error_leaves_its_reader_without_a_next_step() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "something");
            let reference = format!("; see docs/errors.md#{}", kind.guide());
            let advice = error.hint().strip_suffix(&reference).unwrap_or_default();
            assert!(advice.contains(' '), "{error}");
        }
    }

    #[test]
    fn a_chain_repeats_no_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: inner")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(chain(&error), "outer: inner");
    }
}
