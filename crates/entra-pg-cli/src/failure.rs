//! How a subcommand fails: an exit status, and a message unless there is nothing to add.

use entra_pg_core::Error;

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

    /// The same for a subcommand that passes on the statuses of a program, which are below 125.
    pub(crate) fn before_the_program(self) -> Self {
        Self {
            status: status::NOT_STARTED,
            ..self
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(status::of(&error), error.to_string())
    }
}
