//! Four adapters write and read rows side by side through several lifetimes of tokens that last seconds. Each opens new
//! connections in every lifetime, and keeps an old one open through all of them. Next to them a plain pool with one pasted
//! token fails at its first new connection after expiry.
//!
//! An ordinary program: it knows `DATABASE_URL` and the identity that the environment names, as an app on Azure does. Only
//! for the tokens' lifetime, and for the count of token requests, does it talk to the emulator.

mod adapters;
mod contestant;
mod display;
mod emulator;
mod evidence;
mod pasted;
mod records;
mod report;
mod run;
mod score;
mod verdict;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// All four adapters outlive their tokens, side by side; a pool with one pasted token does not.
///
/// Runs inside the emulator: `just demo`, or `entra-pg-emulator run -- entra-pg-demo`.
///
/// Exits with 0 if every adapter came through all lifetimes without an error and the pasted token failed, with 1 if not,
/// with 2 if it could not start, and with 130 after Ctrl-C.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Through how many token lifetimes to run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1000))]
    lifetimes: u16,

    /// How long a token lives, 3s or more; the emulator is told
    #[arg(long, default_value = "8s", value_parser = lifetime)]
    token_lifetime: Duration,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if lifetime < Duration::from_secs(3) {
        return Err("below 3s the time that a connect takes would decide the outcome".into());
    }
    Ok(lifetime)
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    match run::run(u32::from(args.lifetimes), args.token_lifetime).await {
        Ok(run::End::AsPromised) => ExitCode::SUCCESS,
        Ok(run::End::Broken) => ExitCode::FAILURE,
        Ok(run::End::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(message) => {
            eprintln!("entra-pg-demo: {message}");
            ExitCode::from(2)
        }
    }
}
