//! The command `entra-pg`.

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "many doc comments are help texts, which a terminal shows as they are"
)]

mod cli;
mod completions;
mod doctor;
mod encode;
mod environment;
mod exec;
mod failure;
mod jdbc;
mod local_proxy;
mod man;
mod migration_tool;
mod options;
mod output;
mod principal;
mod proxy;
mod psql;
mod role_sql;
mod runtime;
mod socket;
mod sql;
mod status;
mod time;
mod token;
mod trust;
mod whoami;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::main())
}
