//! Runs the fault suite and prints the fault table with what was measured, and how long recovery takes. `just faults`;
//! `just faults recovery` prints the latter alone.
//!
//! Exits with 0 if every row holds for every adapter that it applies to, with 1 if not, with 2 if the suite could not be run.

use std::{
    collections::BTreeSet,
    process::{Command, ExitCode},
    time::Duration,
};

use comfy_table::{CellAlignment, Table, presets};
use entra_pg_emulator::Emulator;
use entra_pg_tests::{
    adapters::ALL,
    record::{FILE, Measured},
    recovery,
    scenarios::FaultScenario,
};

fn main() -> ExitCode {
    let only_recovery = std::env::args().nth(1).is_some_and(|arg| arg == "recovery");
    let held = if only_recovery {
        ExitCode::SUCCESS
    } else {
        suite()
    };
    match recoveries() {
        Ok(table) => println!(
            "\nFrom the endpoint's recovery to the first connection, the longest of five runs\n{table}"
        ),
        Err(error) => return give_up(&format!("recovery was not measured: {error}")),
    }
    held
}

#[tokio::main]
async fn recoveries() -> Result<Table, Box<dyn std::error::Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let measured = recovery::measure(&emulator).await;
    emulator.stop().await?;
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "endpoint",
        "callers that wait",
        "a new caller",
    ]);
    for recovery in measured? {
        table.add_row([
            recovery.illness.to_owned(),
            seconds(recovery.waiting),
            seconds(recovery.newcomer),
        ]);
    }
    Ok(table)
}

fn suite() -> ExitCode {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return give_up(&format!("no temporary directory: {error}")),
    };
    let file = folder.path().join("measured.jsonl");
    println!(
        "Running the fault suite, which takes some minutes: most of it is waiting for tokens to expire."
    );
    let suite = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "test",
            "--package",
            "entra-pg-tests",
            "--all-features",
            "--quiet",
        ])
        .args(["--test", "suite", "--", "--test-threads", "8", "faults::"])
        .args(std::env::args().skip(1))
        .env(FILE, &file)
        .status();
    let suite = match suite {
        Ok(status) => status,
        Err(error) => return give_up(&format!("cargo does not run: {error}")),
    };
    let measured = Measured::read_all(&file);
    let mut unheld = Vec::new();
    for row in FaultScenario::ALL {
        println!("\n{}\n  must hold: {}", row.fault(), row.must_hold());
        println!("{}", table(row, &measured, &mut unheld));
    }
    if suite.success() && unheld.is_empty() {
        println!("\nEvery row holds for every adapter.");
        return ExitCode::SUCCESS;
    }
    for (row, adapter) in unheld {
        println!("DOES NOT HOLD for {adapter}: {}", row.fault());
    }
    ExitCode::FAILURE
}

fn give_up(message: &str) -> ExitCode {
    eprintln!("entra-pg-faults: {message}");
    ExitCode::from(2)
}

/// A row of the fault table, a line an adapter. An adapter without a measurement, or with one case fewer than others, has
/// failed an assertion.
fn table(
    row: FaultScenario,
    measured: &[Measured],
    unheld: &mut Vec<(FaultScenario, &'static str)>,
) -> Table {
    let cases: BTreeSet<_> = of(row, None, measured).map(|m| m.case.as_str()).collect();
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "adapter",
        "held",
        "operations",
        "failed",
        "token requests",
        "longest",
        "",
    ]);
    for number in 2..=5 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for adapter in ALL.into_iter().filter(|adapter| row.applies_to(*adapter)) {
        let adapter = adapter.name;
        let own: Vec<_> = of(row, Some(adapter), measured).collect();
        let held: BTreeSet<_> = own.iter().map(|m| m.case.as_str()).collect();
        if cases.is_empty() || held != cases {
            unheld.push((row, adapter));
        }
        let sum = |of: fn(&Measured) -> u64| own.iter().map(|m| of(m)).sum::<u64>().to_string();
        let longest = own.iter().map(|m| m.longest).max().unwrap_or_default();
        table.add_row([
            adapter.to_owned(),
            format!("{} of {}", held.len(), cases.len()),
            sum(|m| m.operations),
            sum(|m| m.failed),
            sum(|m| m.token_requests),
            seconds(longest),
            notes(&own),
        ]);
    }
    table
}

fn of<'a>(
    row: FaultScenario,
    adapter: Option<&'a str>,
    measured: &'a [Measured],
) -> impl Iterator<Item = &'a Measured> {
    measured
        .iter()
        .filter(move |m| m.row == row && adapter.is_none_or(|adapter| m.adapter == adapter))
}

fn notes(own: &[&Measured]) -> String {
    let notes: Vec<_> = own
        .iter()
        .map(|m| m.note.as_str())
        .filter(|note| !note.is_empty())
        .collect();
    notes.join("; ")
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
