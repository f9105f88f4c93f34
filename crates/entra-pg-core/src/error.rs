//! The one error type of every adapter.
//!
//! An error says in which [`Phase`] something failed, what failed ([`ErrorKind`]), why (the cause, in words), and what to
//! do about it ([`Error::hint`]). All of it is in one line, so the cause is not also a
//! [`source`](std::error::Error::source): a report that prints the chain would print it twice. Texts hold no secret: what
//! comes from outside passes redaction first, and the original error of a credential is never kept.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use crate::{
    connect::redact,
    error_kind::{ErrorKind, Phase},
};

type DriverError = Arc<dyn StdError + Send + Sync>;

/// An error of this crate or of an adapter. Cheap to clone: one failed token request answers every waiting caller.
///
/// `Display` and `Debug` print the same line, which holds everything: phase, what failed, why, the hint, and where
/// [`error_codes`](crate::error_codes) says more. It is what should be logged. [`driver_error`](Self::driver_error)
/// returns the driver's own error where there is one.
///
/// ```
/// use entra_pg_core::{ErrorKind, Target};
///
/// let error = Target::parse("postgres://app:secret@myserver.postgres.database.azure.com/orders").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::PasswordInUrl);
/// assert_eq!(error.code(), "password-in-url");
/// assert!(error.to_string().starts_with("configuration failed: the URL holds a password"));
/// assert_eq!(format!("{error:?}"), error.to_string());
/// ```
#[derive(Clone)]
pub struct Error(Arc<Details>);

#[derive(Clone)]
struct Details {
    kind: ErrorKind,
    message: String,
    hint: String,
    transient: bool,
    retry_after: Option<Duration>,
    driver_error: Option<DriverError>,
}

impl Error {
    /// Creates an error that a retry cannot help. `message` says what failed and why; until
    /// [`with_hint`](Self::with_hint) knows better, the hint is the general advice for this kind.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self(Arc::new(Details {
            kind,
            message: redact(message.as_ref()),
            hint: with_reference(kind.advice(), kind),
            transient: false,
            retry_after: None,
            driver_error: None,
        }))
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl AsRef<str>) -> Self {
        let hint = with_reference(&redact(hint.as_ref()), self.kind());
        self.map(|details| details.hint = hint)
    }

    /// Sets whether the same call may succeed later.
    #[must_use]
    pub fn with_transient(self, transient: bool) -> Self {
        self.map(|details| details.transient = transient)
    }

    /// Keeps the driver's error for [`driver_error`](Self::driver_error). Its `Debug` must not print a secret.
    #[must_use]
    pub fn with_driver_error(self, error: impl StdError + Send + Sync + 'static) -> Self {
        self.map(|details| details.driver_error = Some(Arc::new(error)))
    }

    pub(crate) fn with_shared_driver_error(self, error: DriverError) -> Self {
        self.map(|details| details.driver_error = Some(error))
    }

    /// Takes the hint and the driver's error of another error of the same kind.
    pub(crate) fn with_cure_of(self, other: &Self) -> Self {
        self.map(|details| {
            details.hint.clone_from(&other.0.hint);
            details.driver_error.clone_from(&other.0.driver_error);
        })
    }

    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.map(|details| details.retry_after = retry_after)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns what failed, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns what was being done.
    pub fn phase(&self) -> Phase {
        self.0.kind.phase()
    }

    /// Returns whether the same call may succeed later without a change.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Returns the stable name that logs and metrics use, and under which [`error_codes`](crate::error_codes) explains
    /// the error.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// Returns what failed and why, without phase and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what to do about it, and where [`error_codes`](crate::error_codes) says more.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// The hint without the reference.
    pub(crate) fn cure(&self) -> &str {
        let reference = with_reference("", self.kind());
        let hint = self.hint();
        hint.strip_suffix(&reference).unwrap_or(hint)
    }

    /// Returns the driver's own error, to be downcast. Its text is already part of the message.
    pub fn driver_error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.driver_error.as_deref()
    }

    fn map(mut self, change: impl FnOnce(&mut Details)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { message, hint, .. } = &*self.0;
        write!(f, "{} failed: {message} ({hint})", self.phase())
    }
}

/// As `Display`: a program whose `main` returns an error prints it so.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {}

fn with_reference(hint: &str, kind: ErrorKind) -> String {
    format!("{hint}; see entra_pg_core::error_codes#{}", kind.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_out_neither_the_cause_nor_the_cure() {
        let error =
            Error::new(ErrorKind::NoUser, "no user").with_hint("write postgres://NAME@host/db");
        let line = "token failed: no user (write postgres://NAME@host/db; see entra_pg_core::error_codes#no-user)";
        assert_eq!(error.to_string(), line);
        assert_eq!(format!("{error:?}"), line, "what `main` prints");
    }

    #[test]
    fn no_error_leaves_its_reader_without_a_next_step() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "something");
            let reference = format!("; see entra_pg_core::error_codes#{}", kind.code());
            let advice = error.hint().strip_suffix(&reference).unwrap_or_default();
            assert!(advice.contains(' '), "{error}");
        }
    }

    #[test]
    fn a_shared_error_keeps_its_driver_error_when_it_is_changed() {
        let driver_error = std::io::Error::other("inner");
        let error = Error::new(ErrorKind::Connect, "inner").with_driver_error(driver_error);
        let changed = error.clone().with_hint("look").with_transient(true);
        for error in [error, changed] {
            let driver_error = error.driver_error().expect("it is kept");
            assert!(driver_error.is::<std::io::Error>());
            assert!(
                error.source().is_none(),
                "or a report prints the cause twice"
            );
        }
    }
}
