//! Signals and exit statuses, as a shell and `env` handle them.

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

/// The statuses of shells and `env` when a program does not exist, cannot be run, or the wrapper itself failed.
pub(crate) const NOT_FOUND: u8 = 127;
pub(crate) const NOT_EXECUTABLE: u8 = 126;
pub(crate) const NOT_STARTED: u8 = 125;

/// The signals that would end this process.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hangup: unix::signal(SignalKind::hangup())?,
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

    /// Waits for the child, and forwards the signals that arrive meanwhile.
    pub(crate) async fn wait(&mut self, mut child: Child) -> io::Result<u8> {
        loop {
            tokio::select! {
                status = child.wait() => return status.map(exit_code),
                signal = self.next() => {
                    let id = child.id().and_then(|id| i32::try_from(id).ok());
                    if let Some(id) = id.filter(|_| !reaches_the_child_anyway(signal)) {
                        _ = kill(Pid::from_raw(id), signal);
                    }
                }
            }
        }
    }
}

/// A terminal sends what is typed to all processes in its foreground. Twice might mean something else to the child.
fn reaches_the_child_anyway(signal: Signal) -> bool {
    matches!(signal, Signal::SIGINT | Signal::SIGQUIT)
        && io::stdin().is_terminal()
        && tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The status of a process that this signal ended.
pub(crate) fn killed_by(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_a_shell_gives() {
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(killed_by(Signal::SIGTERM), 143);
    }
}
