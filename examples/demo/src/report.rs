//! The table at the end.

use comfy_table::{CellAlignment, Table, presets};

use crate::{evidence::Lifetimes, pasted, score::Score, verdict::Outcome};

pub(crate) fn table(outcomes: &[Outcome], control: &Score, lifetimes: Lifetimes) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "adapter",
        "token lifetimes survived",
        "physical connections opened",
        "queries",
        "errors",
    ]);
    for outcome in outcomes {
        table.add_row([
            outcome.name.to_owned(),
            format!("{} of {}", outcome.evidence.survived, lifetimes.count),
            outcome.evidence.connections.to_string(),
            outcome.score.queries.to_string(),
            outcome.score.errors.len().to_string(),
        ]);
    }
    table.add_row([
        format!("{} (the control)", pasted::NAME),
        if control.errors.is_empty() {
            "it did not fail"
        } else {
            "none: it fails"
        }
        .to_owned(),
        control.connections.len().to_string(),
        control.queries.to_string(),
        control.errors.len().to_string(),
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
