//! Runs every mode of the attack suite against every adapter, the proxy and the doctor, and prints what was seen. `just attack`.
//!
//! `just attack WORD…` runs those modes whose names, or victims whose names, contain one of the words. Exits with 0 if all
//! holds, with 1 if not.

use std::{process::ExitCode, time::Duration};

use comfy_table::{CellAlignment, Table, presets};
use entra_pg_tests::attack::{Mode, Rig, Seen, Victim, all_modes};
use futures::{StreamExt, stream};

/// Most of them only wait.
const AT_ONCE: usize = 24;
/// What a machine that is busy with so many may add to a limit.
const SLACK: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |mode: &Mode, victim: Victim| {
        let named = |word: &String| mode.name.contains(word) || victim.name() == word;
        words.is_empty() || words.iter().any(named)
    };
    let modes = all_modes();
    let pairs = modes
        .iter()
        .flat_map(|mode| Victim::all().into_iter().map(move |v| (mode, v)));
    let pairs: Vec<_> = pairs
        .filter(|(mode, victim)| chosen(mode, *victim))
        .collect();
    println!("{} modes, {} attacks.", modes.len(), pairs.len());
    let programs = std::env::current_exe().expect("this program is a file");
    let folder = programs.parent().expect("in a folder").to_owned();
    let rig = Rig::start(folder, SLACK).await;
    let attacks = pairs
        .into_iter()
        .map(|(mode, victim)| rig.attack(mode, victim));
    let seen: Vec<Seen> = stream::iter(attacks).buffered(AT_ONCE).collect().await;
    rig.stop().await;
    println!("{}", table(&seen));
    conclude(&seen)
}

fn table(seen: &[Seen]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "mode",
        "adapter",
        "time",
        "peak",
        "error",
        "in its words",
    ]);
    for number in 2..=3 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for seen in seen {
        table.add_row([
            seen.mode.to_owned(),
            seen.victim.to_owned(),
            format!("{:.2} s", seen.took.as_secs_f64()),
            format!("{} MB", seen.peak / 1024),
            seen.code.clone(),
            seen.error
                .chars()
                .take(90)
                .collect::<String>()
                .escape_debug()
                .to_string(),
        ]);
    }
    table
}

fn conclude(seen: &[Seen]) -> ExitCode {
    let peak = seen.iter().map(|seen| seen.peak).max().unwrap_or_default();
    println!(
        "{} attacks; the most memory that one took is {} MB.",
        seen.len(),
        peak / 1024
    );
    let faulty: Vec<_> = seen.iter().filter(|seen| !seen.faults.is_empty()).collect();
    for seen in &faulty {
        println!(
            "DOES NOT HOLD: {}, {}: {}: {} {}",
            seen.mode,
            seen.victim,
            seen.faults.join("; "),
            seen.code,
            seen.error.escape_debug()
        );
    }
    if faulty.is_empty() {
        println!("Everything holds.");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
