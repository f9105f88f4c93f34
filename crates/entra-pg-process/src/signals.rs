//! Waits for the signals that end a process.

use crate::{Error, Signal, platform};

/// Receives the signals that would end this process, which from then on do not. (Windows ends it all the same, some seconds
/// after its window was closed.)
#[derive(Debug)]
pub struct Signals(platform::Signals);

impl Signals {
    /// Starts to listen. Call it before you start anything that has to be cleaned up.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with I/O enabled.
    pub fn new() -> Result<Self, Error> {
        platform::Signals::new()
            .map(Self)
            .map_err(|error| Error::wrapper("cannot listen for signals", &error))
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn recv(&mut self) -> Signal {
        self.0.recv().await
    }
}
