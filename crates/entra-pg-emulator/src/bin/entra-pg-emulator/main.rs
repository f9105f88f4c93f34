//! The command `entra-pg-emulator`.

#![cfg(unix)]

mod arguments;
mod az;
mod client;
mod run;
mod shell;
mod token;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Subcommand};

fn main() -> ExitCode {
    match Arguments::parse().subcommand {
        Subcommand::Run(arguments) => {
            log_to_stderr();
            run::main(arguments)
        }
        Subcommand::Token(arguments) => token::main(&arguments),
        Subcommand::Az { control, arguments } => az::main(&control, &arguments),
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
}
