//! How a subcommand fails: an exit status, and a message unless there is nothing to add.

use entra_pg_core::Error;
use entra_pg_process::WRAPPER_FAILED;

use crate::status;

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u8,
    pub(crate) message: Option<String>,
}

impl Failure {
    pub(crate) fn new(status: u8, message: impl Into<String>) -> Self {
        Self {
            status,
            message: Some(message.into()),
        }
    }

    /// Exits without a message, as when the reader of our output has gone.
    pub(crate) fn silent(status: u8) -> Self {
        Self {
            status,
            message: None,
        }
    }

    /// The same as the wrapper's failure: all statuses below 125 are the program's.
    pub(crate) fn before_the_program(self) -> Self {
        Self {
            status: WRAPPER_FAILED,
            ..self
        }
    }
}

impl From<entra_pg_process::Error> for Failure {
    fn from(error: entra_pg_process::Error) -> Self {
        Self::new(error.exit_status(), error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(status::of(&error), error.to_string())
    }
}
