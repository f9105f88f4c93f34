//! The table at the end, from what criterion has written down.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use comfy_table::{Table, presets};
use entra_pg_tests::pasted::BASELINE;
use serde_json::Value;

/// By group, the medians by name.
type Medians = BTreeMap<String, BTreeMap<String, Duration>>;

/// Prints what was measured since then: a ratio is never between two runs.
pub fn print(since: SystemTime) {
    let criterions = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion");
    let mut medians = Medians::new();
    collect(&criterions, since, &mut medians);
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_header(["what", "how", "median", "ratio"]);
    for (group, medians) in &medians {
        let baseline = medians.get(BASELINE);
        for (name, median) in medians {
            let ratio = baseline.map_or_else(
                || "baseline not measured".to_owned(),
                |baseline| format!("{:.2}", median.as_secs_f64() / baseline.as_secs_f64()),
            );
            table.add_row([group, name, &format!("{median:.3?}"), &ratio]);
        }
    }
    if !table.is_empty() {
        println!("\n{table}");
    }
}

/// Criterion keeps each benchmark's name and its estimates beside each other, in a folder called `new`.
fn collect(folder: &Path, since: SystemTime, medians: &mut Medians) {
    let read = |file: &str| -> Option<Value> {
        let file = folder.join("new").join(file);
        let written = file.metadata().and_then(|file| file.modified()).ok()?;
        (written >= since).then_some(())?;
        serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
    };
    if let (Some(benchmark), Some(estimates)) = (read("benchmark.json"), read("estimates.json")) {
        let text = |field: &str| benchmark[field].as_str().unwrap_or_default().to_owned();
        let nanoseconds = estimates["median"]["point_estimate"]
            .as_f64()
            .expect("a median");
        let median = Duration::from_secs_f64(nanoseconds / 1e9);
        medians
            .entry(text("group_id"))
            .or_default()
            .insert(text("function_id"), median);
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), since, medians);
        }
    }
}
