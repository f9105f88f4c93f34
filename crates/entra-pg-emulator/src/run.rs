//! `entra-pg-emulator run`: an emulator around a command, or for a shell.

use std::{
    io::{self, IsTerminal, Write},
    os::unix::process::ExitStatusExt,
    process::{ExitCode, ExitStatus},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use tokio::{
    process::{Child, Command},
    signal::unix::{self, SignalKind},
};

use crate::{CredentialSource, Emulator, cli::Run, shell};

/// What shells and `env` say when a program does not exist, cannot be run, or the wrapper itself failed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;
const NOT_STARTED: u8 = 125;

pub(crate) fn main(arguments: Run) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime.and_then(|runtime| runtime.block_on(run(arguments)));
    ExitCode::from(result.unwrap_or_else(|error| {
        say(&error.to_string());
        NOT_STARTED
    }))
}

async fn run(arguments: Run) -> io::Result<u8> {
    // Before anything is started: a signal must find us listening.
    let mut signals = Signals::new()?;
    let mut builder = Emulator::builder()
        .token_lifetime(arguments.token_lifetime)
        .settings(|settings| {
            settings.latency = arguments.latency;
            settings.fault = arguments.fault;
            settings.clock_skew = arguments.clock_skew;
        });
    for role in arguments.roles {
        builder = builder.role(role);
    }
    if let Some(audience) = arguments.audience {
        builder = builder.audience(audience);
    }
    if arguments.without_tls {
        builder = builder.without_tls();
    }
    let emulator = tokio::select! {
        started = builder.start() => started.map_err(io::Error::other)?,
        signal = signals.next() => return Ok(killed_by(signal)),
    };
    let status = if let Some((program, rest)) = arguments.command.split_first() {
        let mut command = std::process::Command::new(program);
        emulator.prepare(command.args(rest), arguments.credential);
        match Command::from(command).spawn() {
            Ok(child) => wait(child, &mut signals).await?,
            Err(error) => {
                say(&format!("could not run {}: {error}", program.display()));
                if error.kind() == io::ErrorKind::NotFound {
                    NOT_FOUND
                } else {
                    NOT_EXECUTABLE
                }
            }
        }
    } else {
        announce(&emulator, arguments.credential);
        let signal = signals.next().await;
        if signal == Signal::SIGINT {
            0
        } else {
            killed_by(signal)
        }
    };
    emulator.stop().await.map_err(io::Error::other)?;
    Ok(status)
}

/// Waits for the command, handing on the signals we get.
async fn wait(mut child: Child, signals: &mut Signals) -> io::Result<u8> {
    loop {
        tokio::select! {
            status = child.wait() => return status.map(exit_code),
            signal = signals.next() => {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                if let Some(id) = id.filter(|_| !reaches_the_command_anyway(signal)) {
                    _ = kill(Pid::from_raw(id), signal);
                }
            }
        }
    }
}

/// What is typed in a terminal is sent to all that run in its foreground. Twice might mean something else to the command.
fn reaches_the_command_anyway(signal: Signal) -> bool {
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

fn killed_by(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(1)
}

/// Prints what a shell needs, on standard output, and what a human needs, on standard error.
fn announce(emulator: &Emulator, source: CredentialSource) {
    // Of the shell that reads this we do not know what it has set.
    let removed = emulator.removed_environment(source).into_iter();
    let set = emulator.environment(source).into_iter();
    let lines = removed
        .map(|name| format!("unset {name}\n"))
        .chain(set.map(|(name, value)| format!("export {name}={}\n", shell::quote(&value))));
    let lines: String = lines.collect();
    let mut output = io::stdout().lock();
    _ = output
        .write_all(lines.as_bytes())
        .and_then(|()| output.flush());
    say(&format!(
        "ready: {}\nPaste the lines above into another shell, then for example:\n  \
         PGPASSWORD=$(entra-pg-emulator token) psql \"$DATABASE_URL\"\nCtrl-C stops everything and leaves nothing behind.",
        emulator.url()
    ));
}

fn say(message: &str) {
    _ = writeln!(io::stderr(), "entra-pg-emulator: {message}");
}

/// The signals that would end us.
struct Signals {
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hangup: unix::signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.quit.recv() => Signal::SIGQUIT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
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
