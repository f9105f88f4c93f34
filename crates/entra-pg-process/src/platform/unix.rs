//! Signals, and a process that becomes another program.

use std::{
    io::{self, IsTerminal},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus},
};

use nix::{
    sys::signal::{self, kill},
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use tokio::{
    process::Child,
    signal::unix::{self, SignalKind},
};

use crate::{Signal, WRAPPER_FAILED, signal::exit_status};

#[derive(Debug)]
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

    pub(crate) async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hangup.recv() => Signal::Hangup,
        }
    }
}

/// Replaces this process. Returns only if that fails.
pub(crate) fn exec(command: &mut Command) -> io::Error {
    command.exec()
}

/// Gives the program a signal that only this process got.
pub(crate) fn hand_on(signal: Signal, child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.filter(|_| !comes_from_the_terminal(signal)) {
        _ = kill(Pid::from_raw(id), as_nix(signal));
    }
}

/// A terminal sends what is typed to all processes in its foreground. Twice might mean something else to the program.
fn comes_from_the_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::Interrupt | Signal::Quit)
        && io::stdin().is_terminal()
        && tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

fn as_nix(signal: Signal) -> signal::Signal {
    match signal {
        Signal::Interrupt => signal::Signal::SIGINT,
        Signal::Quit => signal::Signal::SIGQUIT,
        Signal::Terminate => signal::Signal::SIGTERM,
        Signal::Hangup => signal::Signal::SIGHUP,
    }
}

pub(crate) fn status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(WRAPPER_FAILED),
        (None, Some(signal)) => exit_status(signal),
        (None, None) => WRAPPER_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    async fn status_of(command: Command) -> u8 {
        let mut signals = crate::Signals::new().expect("listens");
        run(command, &mut signals)
            .await
            .unwrap_or_else(|error| error.exit_status())
    }

    #[tokio::test]
    async fn exit_statuses_are_a_shells_and_signals_are_handed_on() {
        assert_eq!(status_of(shell("exit 7")).await, 7);
        assert_eq!(status_of(shell("kill -9 $$")).await, 137);
        assert_eq!(status_of(Command::new("no-such-program")).await, 127);
        assert_eq!(status_of(Command::new("/etc/passwd")).await, 126);

        // Not a test by itself: the signal reaches all programs of this process.
        let parent = std::process::id();
        let script =
            format!("trap 'exit 42' HUP; kill -HUP {parent}; while :; do sleep 0.01; done");
        assert_eq!(status_of(shell(&script)).await, 42);
    }

    #[test]
    fn a_status_says_which_signal_it_was() {
        for signal in [
            Signal::Hangup,
            Signal::Interrupt,
            Signal::Quit,
            Signal::Terminate,
        ] {
            assert_eq!(signal.exit_status(), exit_status(as_nix(signal) as i32));
        }
    }
}
