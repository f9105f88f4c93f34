//! `entra-pg-emulator run`: an emulator around a command, or for a shell.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use entra_pg_emulator::{CredentialSource, Emulator, EmulatorBuilder};
use entra_pg_process::{Signal, Signals, WRAPPER_FAILED};

use crate::{arguments::Run, shell};

pub(crate) fn main(arguments: Run) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime.and_then(|runtime| runtime.block_on(run(arguments)));
    ExitCode::from(result.unwrap_or_else(|error| {
        report(&error.to_string());
        WRAPPER_FAILED
    }))
}

async fn run(arguments: Run) -> io::Result<u8> {
    // Before anything is started, so that a signal undoes the start.
    let mut signals = Signals::new().map_err(io::Error::other)?;
    let emulator = tokio::select! {
        started = builder(&arguments).start() => started.map_err(io::Error::other)?,
        signal = signals.recv() => return Ok(signal.exit_status()),
    };
    let control = emulator.control();
    control.set_latency(arguments.latency);
    control.set_fault(arguments.fault);
    control.set_clock_skew(arguments.clock_skew);
    let source = arguments.credential.into();
    let status = if let Some((program, rest)) = arguments.command.split_first() {
        let mut command = std::process::Command::new(program);
        emulator.configure_command(command.args(rest), source);
        entra_pg_process::run(command, &mut signals)
            .await
            .unwrap_or_else(|error| {
                report(&error.to_string());
                error.exit_status()
            })
    } else {
        announce(&emulator, source);
        match signals.recv().await {
            Signal::Interrupt => 0,
            signal => signal.exit_status(),
        }
    };
    emulator.stop().await.map_err(io::Error::other)?;
    Ok(status)
}

fn builder(arguments: &Run) -> EmulatorBuilder {
    let mut builder = Emulator::builder().token_lifetime(arguments.token_lifetime);
    for role in &arguments.roles {
        builder = builder.role(role);
    }
    if let Some(audience) = &arguments.audience {
        builder = builder.audience(audience);
    }
    if arguments.without_tls {
        builder = builder.without_tls();
    }
    builder
}

/// Prints what a shell needs on standard output, and what a person needs on standard error.
fn announce(emulator: &Emulator, source: CredentialSource) {
    // What the shell that reads this has set is not known here.
    let removed = emulator.conflicting_variables(source).into_iter();
    let set = emulator.environment(source).into_iter();
    let lines = removed
        .map(|name| format!("unset {name}\n"))
        .chain(set.map(|(name, value)| format!("export {name}={}\n", shell::quote(&value))));
    let lines: String = lines.collect();
    let mut output = io::stdout().lock();
    _ = output
        .write_all(lines.as_bytes())
        .and_then(|()| output.flush());
    report(&format!(
        "ready: {}\nPaste the lines above into another shell, then for example:\n  \
         PGPASSWORD=$(entra-pg-emulator token) psql \"$DATABASE_URL\"\nCtrl-C stops everything and leaves nothing behind.",
        emulator.url()
    ));
}

fn report(message: &str) {
    _ = writeln!(io::stderr(), "entra-pg-emulator: {message}");
}
