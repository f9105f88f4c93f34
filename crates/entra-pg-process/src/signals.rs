//! The signals that end a process.

use std::io;

use nix::sys::signal;
use tokio::signal::unix::{self, SignalKind};

use crate::Error;

/// A signal that ends a process unless it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGINT`, as by Ctrl-C.
    Interrupt,
    /// `SIGQUIT`, as by Ctrl-\.
    Quit,
    /// `SIGTERM`.
    Terminate,
    /// `SIGHUP`: the terminal is gone.
    Hangup,
}

impl Signal {
    /// Returns a shell's exit status for a program that the signal ended.
    ///
    /// ```
    /// assert_eq!(entra_pg_process::Signal::Terminate.exit_status(), 143);
    /// ```
    pub fn exit_status(self) -> u8 {
        exit_status(self.as_nix() as i32)
    }

    pub(crate) fn as_nix(self) -> signal::Signal {
        match self {
            Self::Interrupt => signal::Signal::SIGINT,
            Self::Quit => signal::Signal::SIGQUIT,
            Self::Terminate => signal::Signal::SIGTERM,
            Self::Hangup => signal::Signal::SIGHUP,
        }
    }
}

/// No signal has a number above 64.
pub(crate) fn exit_status(signal: i32) -> u8 {
    u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128))
}

/// Receives the signals that would end this process, which from then on do not.
#[derive(Debug)]
pub struct Signals {
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    /// Starts to listen. Call it before you start anything that has to be cleaned up.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with I/O enabled.
    pub fn new() -> Result<Self, Error> {
        let listen = || {
            Ok::<_, io::Error>(Self {
                interrupt: unix::signal(SignalKind::interrupt())?,
                quit: unix::signal(SignalKind::quit())?,
                terminate: unix::signal(SignalKind::terminate())?,
                hangup: unix::signal(SignalKind::hangup())?,
            })
        };
        listen().map_err(|error| Error::wrapper("cannot listen for signals", &error))
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hangup.recv() => Signal::Hangup,
        }
    }
}
