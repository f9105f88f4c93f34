//! The error type.

use std::{fmt, io, path::PathBuf};

/// Why the emulator could not start, or why an operation failed. The message states the remedy, and never a token.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable `initdb` and `postgres` on this machine.
    #[error(
        "PostgreSQL's server programs (initdb and postgres, version 14 or newer) were not found; searched {looked_in}. \
         Install them (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; \
         Alpine: apk add postgresql; macOS: brew install postgresql@17), \
         or name their directory in ENTRA_PG_EMULATOR_PGBIN"
    )]
    #[non_exhaustive]
    PostgresNotFound {
        /// The places that were searched, in order.
        looked_in: String,
    },

    /// PostgreSQL was built without the authentication method the emulator relies on.
    #[error(
        "the PostgreSQL in {} was built without LDAP support, which the emulator needs to check each token. \
         Use your distribution's own packages, or name another directory in ENTRA_PG_EMULATOR_PGBIN",
        directory.display()
    )]
    #[non_exhaustive]
    PostgresWithoutLdap {
        /// Where its programs are.
        directory: PathBuf,
    },

    /// PostgreSQL did not start.
    #[error("PostgreSQL did not start: {reason}. The end of its log:\n{log}")]
    #[non_exhaustive]
    PostgresStart {
        /// What failed.
        reason: String,
        /// The last lines of its log.
        log: String,
    },

    /// The configuration cannot work.
    #[error("{0}")]
    Configuration(String),

    /// No identity has this role.
    #[error("there is no role `{role}`; known are {known}")]
    #[non_exhaustive]
    UnknownRole {
        /// The role that was named.
        role: String,
        /// The roles that there are.
        known: String,
    },

    /// An operation of the operating system failed.
    #[error("could not {what}: {cause}")]
    #[non_exhaustive]
    Io {
        /// What was attempted.
        what: String,
        /// The operating system's error.
        cause: io::Error,
    },

    /// A key or a certificate could not be created.
    #[error("could not {what}: {cause}")]
    #[non_exhaustive]
    Crypto {
        /// What was attempted.
        what: &'static str,
        /// The library's error.
        cause: String,
    },

    /// PostgreSQL refused a statement, or the connection to it failed.
    #[error("PostgreSQL: {0}")]
    Sql(String),

    /// The emulator was used after it had been stopped.
    #[error(
        "the emulator has been stopped; start another, or keep its handle as long as it is needed"
    )]
    Stopped,

    /// The directory could not be removed.
    #[error("the directory {} could not be removed; remove it manually", .0.display())]
    LeftBehind(PathBuf),
}

/// As `Display`, for a test or a `main` that returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// For `map_err`: states what was attempted.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::Io { what, cause }
    }

    pub(crate) fn crypto<E: fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Crypto {
            what,
            cause: error.to_string(),
        }
    }

    pub(crate) fn sql(error: &tokio_postgres::Error) -> Self {
        // Its Display hides the server's message behind "db error".
        Self::Sql(
            error
                .as_db_error()
                .map_or_else(|| error.to_string(), ToString::to_string),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_is_the_message() {
        let error = Error::io("read x")(io::ErrorKind::NotFound.into());
        assert_eq!(format!("{error:?}"), "could not read x: entity not found");
        assert_eq!(format!("{error}"), format!("{error:?}"));
    }
}
