//! What a token costs: each adapter beside its bare driver with a pasted token, and beside what else logs in with tokens. All in one
//! run, on one server, in rounds: whatever slows the machine slows all of them, and a ratio is of one round.
//!
//! `just bench` prints the tables. `--write` writes them to `docs/benchmarks.md`, with plots.

mod cold;
mod connect;
mod machine;
mod peers;
mod plot;
mod query;
mod report;
mod rounds;
mod section;
mod token;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use self::{peers::Peers, report::Report};

/// Measures what a token costs, beside the bare drivers and other clients.
#[derive(Parser)]
struct Options {
    /// Three rounds in place of ten: less than three minutes, and more noise
    #[arg(long)]
    quick: bool,

    /// Write docs/benchmarks.md and its plots
    #[arg(long)]
    write: bool,

    /// Only the sections whose titles contain this
    only: Option<String>,

    /// Cargo passes it to all benchmarks
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let rounds = if options.quick { 3 } else { 10 };
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let report = runtime.block_on(async {
        let peers = Peers::find().await;
        let mut report = Report::new(rounds, &peers, options.only);
        report.measure(token::alone().await).await;
        report.measure(token::on_two_threads().await).await;
        report.measure(connect::section(&peers)).await;
        report.measure(cold::section(&peers)).await;
        for section in query::sections().await {
            report.measure(section).await;
        }
        report
    });
    if !options.write {
        return ExitCode::SUCCESS;
    }
    match report.write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the report was not written: {error}");
            ExitCode::FAILURE
        }
    }
}
