//! How a subcommand fails: an exit status, and a message unless everything has been said.

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

    /// Nothing more is to be said, as when the reader of our output has gone.
    pub(crate) fn silent(status: u8) -> Self {
        Self {
            status,
            message: None,
        }
    }

    /// The same, of a subcommand whose statuses below 125 are those of the program that it runs.
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
