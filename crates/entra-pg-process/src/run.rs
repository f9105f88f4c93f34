//! A program that this process becomes, or starts and waits for.

use std::{
    io::{self, IsTerminal},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus},
};

use nix::{
    sys::signal::kill,
    unistd::{Pid, getpgrp, tcgetpgrp},
};

use crate::{Error, Signal, Signals, WRAPPER_FAILED, signals::exit_status};

/// Runs the program to its end, and returns its exit status as a shell gives it. Hands on the signals that only this process
/// gets.
///
/// # Errors
/// The program cannot be run.
pub async fn run(command: Command, signals: &mut Signals) -> Result<u8, Error> {
    let program = command.get_program().to_owned();
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .map_err(|error| Error::cannot_run(&program, &error))?;
    loop {
        tokio::select! {
            ended = child.wait() => {
                return ended.map(status).map_err(|error| Error::wrapper("cannot wait for the program", &error));
            }
            signal = signals.recv() => {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                if let Some(id) = id.filter(|_| !comes_from_the_terminal(signal)) {
                    _ = kill(Pid::from_raw(id), signal.as_nix());
                }
            }
        }
    }
}

/// Replaces this process with the program, which keeps its signals and its exit status. Returns only if that fails.
pub fn exec(command: &mut Command) -> Error {
    let error = command.exec();
    Error::cannot_run(command.get_program(), &error)
}

/// A terminal sends what is typed to all processes in its foreground. Twice might mean something else to the program.
fn comes_from_the_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::Interrupt | Signal::Quit)
        && io::stdin().is_terminal()
        && tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

fn status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(WRAPPER_FAILED),
        (None, Some(signal)) => exit_status(signal),
        (None, None) => WRAPPER_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    async fn status_of(command: Command) -> u8 {
        let mut signals = Signals::new().expect("listens");
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
    fn all_types_can_be_sent_and_shared() {
        fn check<T: Send + Sync>() {}
        check::<Error>();
        check::<Signal>();
        check::<Signals>();
    }

    #[test]
    fn a_signal_has_a_status() {
        assert_eq!(Signal::Interrupt.exit_status(), 130);
        assert_eq!(Signal::Hangup.exit_status(), 129);
    }
}
