//! Counts how often a connect waits for the server, and times it on a network of 1, 5 and 20 ms. `just round-trips` prints a table
//! of all adapters; `just round-trips psql -Xc '\q'` counts those of any program.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use entra_pg_tests::{
    adapters::{ALL, PROXY},
    counting_relay::CountingRelay,
    fixtures::shared,
    pasted,
    round_trips::measure,
};
use tokio::process::Command;

/// What a round trip takes, in milliseconds.
const DELAYS: [u64; 3] = [1, 5, 20];

/// The connections of one pool. The fastest counts.
const CONNECTIONS: u32 = 8;

/// Counts how often a connect waits for the server.
///
/// Without a command: of each adapter, with the time that it takes on networks of 1, 5 and 20 ms. "First" is the first connection of a
/// pool, "others" those that it opens later. Both include what the pool and the ORM do before they hand a connection out.
#[derive(Parser)]
struct Options {
    /// A program to count instead, which connects by libpq's variables (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGSSLROOTCERT)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match options.command.as_slice() {
        [] => {
            println!("{}", adapters().await);
            ExitCode::SUCCESS
        }
        [program, arguments @ ..] => count_program(program, arguments).await,
    }
}

async fn adapters() -> Table {
    let mut table = Table::new();
    let header = ["adapter", "first", "others"].map(str::to_owned);
    let times = DELAYS.map(|delay| format!("{delay} ms each"));
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.into_iter().chain(times));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for subject in ALL.into_iter().chain([PROXY]) {
        let mut row = vec![subject.name.to_owned()];
        for delay in DELAYS {
            let measured = measure(subject, Duration::from_millis(delay), CONNECTIONS).await;
            if row.len() == 1 {
                row.extend([measured.first.to_string(), measured.others.to_string()]);
            }
            row.push(format!("{:.0} ms", measured.fastest.as_secs_f64() * 1e3));
        }
        table.add_row(row);
    }
    table
}

/// With a token pasted in as the password. Its connections are counted without the goodbye, to which no client waits for an answer.
async fn count_program(program: &str, arguments: &[String]) -> ExitCode {
    let emulator = shared();
    let relay = CountingRelay::start(emulator, Duration::from_millis(DELAYS[0])).await;
    let status = Command::new(program)
        .args(arguments)
        .env("PGHOST", "localhost")
        .env("PGPORT", relay.port().to_string())
        .env("PGUSER", "app")
        .env("PGDATABASE", "postgres")
        .env("PGPASSWORD", pasted::token().await)
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", emulator.ca_file())
        .status()
        .await;
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("{program} ended with {status}"),
        Err(error) => {
            eprintln!("cannot run {program}: {error}");
            return ExitCode::FAILURE;
        }
    }
    let counts = relay.counts();
    if counts.is_empty() {
        eprintln!("{program} did not connect to $PGHOST:$PGPORT");
        return ExitCode::FAILURE;
    }
    for (number, count) in (1..).zip(counts) {
        println!(
            "connection {number}: {} round trips",
            count.saturating_sub(1)
        );
    }
    ExitCode::SUCCESS
}
