//! The report at the end.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{CellAlignment, Table, presets};
use tokio::time::Instant;

use crate::{
    incident::Incident,
    judge::{Failure, explanation},
    load::Score,
};

/// One adapter, at the end.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) score: Score,
    pub(crate) token_requests: u64,
}

pub(crate) fn table(lines: &[Line], incidents: &[Incident]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "adapter",
        "operations",
        "opened",
        "failed, explained",
        "failed, unexplained",
        "token requests",
        "longest",
    ]);
    for number in 1..=6 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for Line {
        name,
        score,
        token_requests,
    } in lines
    {
        let unexplained = unexplained(score, incidents).count();
        table.add_row([
            (*name).to_owned(),
            score.operations.to_string(),
            score.fresh.to_string(),
            (score.failures.len() - unexplained).to_string(),
            unexplained.to_string(),
            token_requests.to_string(),
            seconds(score.longest),
        ]);
    }
    table
}

/// Each kind of fault, how often it struck, and how many failures it explains.
pub(crate) fn faults(lines: &[Line], incidents: &[Incident]) -> Table {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for incident in incidents {
        counts.entry(incident.kind.to_string()).or_default().0 += 1;
    }
    for failure in lines.iter().flat_map(|line| &line.score.failures) {
        if let Some(incident) = explanation(failure, incidents) {
            counts.entry(incident.kind.to_string()).or_default().1 += 1;
        }
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "fault",
        "struck",
        "failures explained by it",
    ]);
    for (kind, (struck, explained)) in counts {
        table.add_row([kind, struck.to_string(), explained.to_string()]);
    }
    table
}

pub(crate) fn unexplained<'a>(
    score: &'a Score,
    incidents: &'a [Incident],
) -> impl Iterator<Item = &'a Failure> {
    score
        .failures
        .iter()
        .filter(|failure| explanation(failure, incidents).is_none())
}

/// A failure without an explanation, in a run that began then.
pub(crate) fn line(failure: &Failure, begin: Instant) -> String {
    format!(
        "UNEXPLAINED: {}, begun after {}, failed after another {}: {}",
        failure.adapter,
        seconds(failure.began - begin),
        seconds(failure.ended - failure.began),
        failure.error
    )
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
