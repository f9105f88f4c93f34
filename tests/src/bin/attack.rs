//! Runs every mode of the attack suite against every adapter, the proxy and the doctor, and prints what was seen. `just attack`.
//!
//! `just attack WORD…` runs those modes whose names contain one of the words; words that are adapters' names, or `proxy` or
//! `doctor`, choose those. Exits with 0 if all
//! holds but what is known and listed with its reason (`attack/accepted.rs`), with 1 if not.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use comfy_table::{CellAlignment, Table, presets};
use entra_pg_tests::attack::{DATA_LIMIT, Fault, Mode, Rig, Seen, Verdict, Victim, all_modes};
use futures::{StreamExt, stream};

/// Most of them only wait.
const AT_ONCE: usize = 24;
/// What a machine that is busy with so many may add to a limit.
const SLACK: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let all = Victim::all();
    let is_victim = |word: &String| all.iter().any(|victim| victim.name() == word);
    let (victims, names): (Vec<String>, Vec<String>) = words.into_iter().partition(is_victim);
    let chosen = |mode: &Mode, victim: Victim| {
        let this_one = victims.iter().any(|word| victim.name() == word);
        let named = names.iter().any(|word| mode.name.contains(word));
        (victims.is_empty() || this_one) && (names.is_empty() || named)
    };
    let modes = all_modes();
    let pairs = modes
        .iter()
        .flat_map(|mode| mode.victims().into_iter().map(move |v| (mode, v)));
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
    let begun = Instant::now();
    let seen: Vec<Seen> = stream::iter(attacks).buffered(AT_ONCE).collect().await;
    rig.stop().await;
    println!("{}", table(&seen));
    conclude(&seen, begun.elapsed())
}

fn table(seen: &[Seen]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "mode",
        "adapter",
        "time",
        "peak",
        "error",
        "",
        "in its words",
    ]);
    for number in 2..=3 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for seen in seen {
        table.add_row([
            seen.mode.clone(),
            seen.victim.to_owned(),
            format!("{:.2} s", seen.took.as_secs_f64()),
            format!("{} MB", seen.peak / 1024),
            seen.code.clone(),
            verdict(seen),
            beginning(&seen.error),
        ]);
    }
    table
}

fn verdict(seen: &Seen) -> String {
    let faults: Vec<_> = seen.faults.iter().map(Fault::to_string).collect();
    let faults = faults.join("; ");
    match seen.verdict() {
        Verdict::Holds => "holds".into(),
        Verdict::Accepted(reason) => format!("{faults}, accepted: {reason}"),
        Verdict::Fails => format!("DOES NOT HOLD: {faults}"),
        Verdict::Outdated(reason) => format!("HOLDS, BUT IS LISTED as what does not: {reason}"),
    }
}

/// On one line, whatever is in it.
fn beginning(error: &str) -> String {
    let some: String = error.chars().take(90).collect();
    some.escape_debug().to_string()
}

fn conclude(seen: &[Seen], took: Duration) -> ExitCode {
    let accepted = |seen: &&Seen| matches!(seen.verdict(), Verdict::Accepted(_));
    let wrong = |seen: &&Seen| matches!(seen.verdict(), Verdict::Fails | Verdict::Outdated(_));
    let faulty: Vec<_> = seen.iter().filter(wrong).collect();
    for seen in &faulty {
        println!(
            "{}, {}: {}: {} {}",
            seen.mode,
            seen.victim,
            verdict(seen),
            seen.code,
            seen.error.escape_debug()
        );
    }
    println!(
        "{} attacks in {} s: {} hold, {} deviations are accepted, {} do not hold.",
        seen.len(),
        took.as_secs(),
        seen.iter()
            .filter(|seen| seen.verdict() == Verdict::Holds)
            .count(),
        seen.iter().filter(accepted).count(),
        faulty.len()
    );
    if let Some(most) = seen.iter().max_by_key(|seen| seen.peak) {
        println!(
            "The most memory: {} MB, {} under {:?}. A process that wants more than {} MB is refused it.",
            most.peak / 1024,
            most.victim,
            most.mode,
            DATA_LIMIT / 1024
        );
    }
    if faulty.is_empty() {
        println!("Everything holds but what is accepted.");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
