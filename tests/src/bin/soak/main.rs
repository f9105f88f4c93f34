//! All adapters under load, for minutes or days, while random faults strike the token endpoint, the server and the network.
//!
//! Every failed operation has to be explained by a fault that struck at that time and that can cause just this error, for
//! this kind of adapter. A token request that fails while a token lives explains nothing. No error and no line of the log may
//! hold what a terminal obeys, whatever servers and endpoints say.

mod illness;
mod incident;
mod judge;
mod load;
mod log;
mod report;
mod run;
mod strike;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// All adapters under load with random faults.
///
/// Exits with 0 if every failure is explained by a fault that was injected, with 1 if not, with 2 if it could not start, and
/// with 130 after Ctrl-C.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How long to run
    #[arg(long, default_value = "5", value_parser = minutes)]
    minutes: Duration,

    /// The same seed gives the same faults in the same order; random if not given
    #[arg(long)]
    seed: Option<u64>,

    /// Only faults whose name contains this, such as "hang"; the rest of the sequence is passed over
    #[arg(long, default_value = "")]
    only: String,
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "give a number".to_owned())?;
    let time = Duration::try_from_secs_f64(minutes * 60.0).map_err(|error| error.to_string())?;
    if time < Duration::from_secs(30) {
        return Err("give half a minute at least".into());
    }
    Ok(time)
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    match run::run(args.minutes, seed, args.only).await {
        Ok(run::End::AllExplained) => ExitCode::SUCCESS,
        Ok(run::End::Unexplained) => ExitCode::FAILURE,
        Ok(run::End::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(message) => {
            eprintln!("entra-pg-soak: {message}");
            ExitCode::from(2)
        }
    }
}
