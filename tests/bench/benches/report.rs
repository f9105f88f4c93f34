//! The tables, as they are printed and as `docs/benchmarks.md` has them.

use std::{fmt::Write as _, fs, path::Path};

use comfy_table::{CellAlignment, Table, presets};

use crate::{
    machine,
    peers::Peers,
    plot,
    rounds::{self, Row, median, range},
    section::{Section, Unit},
};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

pub struct Report {
    rounds: usize,
    peers: Vec<&'static str>,
    only: Option<String>,
    measured: Vec<(Section, Vec<Row>)>,
}

impl Report {
    pub fn new(rounds: usize, peers: &Peers, only: Option<String>) -> Self {
        Self {
            rounds,
            peers: peers.names(),
            only,
            measured: Vec::new(),
        }
    }

    /// Measures a section, and prints it.
    pub async fn measure(&mut self, section: Section) {
        if self
            .only
            .as_ref()
            .is_some_and(|only| !section.title.contains(only))
        {
            return;
        }
        eprintln!("{}: {} rounds ...", section.title, self.rounds);
        let rows = rounds::measure(&section, self.rounds).await;
        println!("\n{}\n\n{}\n", section.title, table(&section, &rows));
        self.measured.push((section, rows));
    }

    /// Writes the page and its plots.
    pub fn write(&self) -> Result<(), String> {
        let docs = Path::new(DOCS);
        let plots = docs.join("benchmarks");
        fs::create_dir_all(&plots).map_err(|error| format!("{}: {error}", plots.display()))?;
        let mut page = self.head();
        for (section, rows) in &self.measured {
            let name = format!("{}.svg", file_name(section.title));
            let first = section.percentiles[0];
            let shown: Vec<_> = rows.iter().filter(|row| row.percentile == first).collect();
            plot::draw(&plots.join(&name), section.title, section.unit, &shown)?;
            _ = write!(
                page,
                "\n## {}\n\n{}\n\n![{}](benchmarks/{name})\n\n{}\n{}",
                section.title,
                section.about,
                section.title,
                table(section, rows),
                goals(section, rows),
            );
        }
        let file = docs.join("benchmarks.md");
        fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn head(&self) -> String {
        let mut head = format!(
            "# Benchmarks\n\n\
             `just bench --write` has written this page. All of it was measured in one run on one machine, in {} rounds, each of which\n\
             measured each once. A value is the median of the rounds, with the least and the most beside it; a ratio is that to the\n\
             baseline in the same round.\n\n",
            self.rounds
        );
        for (what, value) in machine::describe() {
            _ = writeln!(head, "- {what}: {value}");
        }
        let peers = if self.peers.is_empty() {
            "none".to_owned()
        } else {
            self.peers.join("; ")
        };
        _ = writeln!(head, "- other clients: {peers}");
        head
    }
}

fn table(section: &Section, rows: &[Row]) -> Table {
    let mut table = Table::new();
    let has_percentiles = section.percentiles.len() > 1;
    let has_notes = rows.iter().any(|row| !row.note.is_empty());
    let mut header = vec!["what", "value", "least to most", "ratio", "least to most"];
    if has_percentiles {
        header.insert(1, "of 100");
    }
    if has_notes {
        header.push("beside it");
    }
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in rows {
        let mut cells = vec![row.name.clone()];
        if has_percentiles {
            cells.push(row.percentile.to_string());
        }
        cells.push(section.unit.format(median(&row.values)));
        cells.push(between(section.unit, &row.values));
        if row.ratios.is_empty() {
            cells.extend([String::new(), String::new()]);
        } else {
            let (least, most) = range(&row.ratios);
            cells.push(format!("{:.2}", median(&row.ratios)));
            cells.push(format!("{least:.2} to {most:.2}"));
        }
        if has_notes {
            cells.push(row.note.clone());
        }
        table.add_row(cells);
    }
    table
}

fn between(unit: Unit, values: &[f64]) -> String {
    let (least, most) = range(values);
    format!("{} to {}", unit.format(least), unit.format(most))
}

fn goals(section: &Section, rows: &[Row]) -> String {
    let mut lines = String::new();
    for goal in &section.goals {
        let row = rows
            .iter()
            .find(|row| row.name == goal.subject && !row.ratios.is_empty());
        let Some(ratio) = row.map(|row| median(&row.ratios)) else {
            continue;
        };
        let met = if goal.limit.is_met(ratio) {
            "met"
        } else {
            "missed"
        };
        _ = write!(lines, "\nGoal for {}: {}; {met}", goal.subject, goal.limit);
        if met == "missed" && !goal.reason.is_empty() {
            _ = write!(lines, ": {}", goal.reason);
        }
        lines.push_str(".\n");
    }
    lines
}

fn file_name(title: &str) -> String {
    title
        .to_lowercase()
        .replace([' ', ','], "-")
        .replace("--", "-")
}
