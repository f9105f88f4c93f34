//! A program that we started and outlive: it gets the signals that we get, and its status is ours.

use std::{
    io::{self, IsTerminal},
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use tokio::{
    process::Child,
    signal::unix::{self, SignalKind},
};

use crate::{failure::Failure, status};

/// The signals that end a program.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    /// From now on they do not end us.
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            unix::signal(kind)
                .map_err(|error| Failure::new(status::NOT_STARTED, format!("signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.quit.recv() => Signal::SIGQUIT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}

/// Waits for the program to end, handing on the signals that only we get.
pub(crate) async fn supervise(mut child: Child, signals: &mut Signals) -> Result<u8, Failure> {
    loop {
        tokio::select! {
            status = child.wait() => return status.map(exit_code).map_err(|error| {
                Failure::new(status::OTHER, format!("the program was lost: {error}"))
            }),
            signal = signals.next() => {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                if let Some(id) = id.filter(|_| !reaches_the_program_anyway(signal)) {
                    _ = kill(Pid::from_raw(id), signal);
                }
            }
        }
    }
}

/// What is typed in a terminal is sent to all that run in its foreground. Twice might mean something else to the program.
fn reaches_the_program_anyway(signal: Signal) -> bool {
    matches!(signal, Signal::SIGINT | Signal::SIGQUIT)
        && io::stdin().is_terminal()
        && tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

/// As a shell has it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(status::OTHER)
}

pub(crate) fn killed_by(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(status::OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(killed_by(Signal::SIGTERM), 143);
    }
}
