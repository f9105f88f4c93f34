//! Four adapters work side by side through several lifetimes of tokens that last seconds. Each opens new connections in every
//! lifetime and keeps its first one. Beside them, a plain pool with one pasted token fails at its first new connection after
//! the token's expiry.

mod adapters;
mod outcome;
mod run;
mod worker;

use std::{error::Error, process::ExitCode, time::Duration};

use clap::Parser;
use entra_pg_emulator::Emulator;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Four adapters outlive their tokens, side by side; a pool with one pasted token does not
///
/// Needs PostgreSQL's programs, and no Azure account: it starts an emulator of Azure's token endpoints, with a throwaway
/// PostgreSQL.
///
/// Exit status: 0 if every adapter survived all lifetimes without an error and the pasted token failed, 1 if not, 2 if the demo
/// could not run, 130 after Ctrl-C.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many token lifetimes to run through
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1000))]
    lifetimes: u16,

    /// How long a token lives, at least 3s
    #[arg(long, value_name = "DURATION", default_value = "6s", value_parser = token_lifetime)]
    token_lifetime: Duration,
}

fn token_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if lifetime < Duration::from_secs(3) {
        return Err("with less than 3s, a slow connect would decide the outcome".into());
    }
    Ok(lifetime)
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = tokio::select! {
        outcome = demo(Args::parse()) => outcome,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(INTERRUPTED),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("entra-pg-demo: {error}");
            ExitCode::from(2)
        }
    }
}

/// However this ends, nothing is left of PostgreSQL: dropping the emulator stops it.
async fn demo(args: Args) -> Result<bool> {
    let (lifetimes, each) = (args.lifetimes.into(), args.token_lifetime);
    println!("{lifetimes} token lifetimes of {each:?}. Starting PostgreSQL and the emulator …");
    let emulator = Emulator::builder().token_lifetime(each).start().await?;
    let kept = run::run(&emulator, lifetimes, each).await;
    emulator.stop().await?;
    kept
}
