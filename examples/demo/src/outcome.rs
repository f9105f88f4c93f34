//! The outcome: the server's records, a table, and the promises that were not kept.

use comfy_table::{CellAlignment, Table, presets};
use entra_pg_emulator::Control;

use crate::{Result, worker::Stats};

/// The pool with one pasted token.
pub(crate) const CONTROL: &str = "pasted-token";

/// All evidence is in columns that the server fills.
pub(crate) const CREATE_TABLE: &str = "
    CREATE FUNCTION entra_pg_demo_opened() RETURNS timestamptz LANGUAGE sql AS
        'SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()';
    CREATE TABLE entra_pg_demo (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL DEFAULT current_setting('application_name'),
        backend integer NOT NULL DEFAULT pg_backend_pid(),
        opened timestamptz NOT NULL DEFAULT entra_pg_demo_opened(),
        written timestamptz NOT NULL DEFAULT clock_timestamp(),
        kept boolean NOT NULL
    );
    GRANT SELECT, INSERT ON entra_pg_demo TO app";

/// When the first token lifetime begins, by the server's clock.
pub(crate) const BEGIN: &str = "CREATE TABLE entra_pg_demo_begin AS SELECT clock_timestamp() t";

/// An adapter at the end.
pub(crate) struct Row {
    stats: Stats,
    /// Lifetimes with writes over a connection opened in them, and over the one that was kept from before the first.
    survived: u32,
    connections: u32,
}

impl Row {
    pub(crate) async fn read(stats: Stats, from: &Control, each: f64, count: u32) -> Result<Self> {
        let name = stats.name;
        let sql = format!(
            "WITH used AS (
                SELECT kept, floor(extract(epoch FROM CASE WHEN kept THEN written ELSE opened END - t) / {each}) AS number
                FROM entra_pg_demo, entra_pg_demo_begin WHERE name = '{name}' AND kept = (opened < t)
            ), survived AS (
                SELECT FROM used WHERE number >= 0 AND number < {count}
                GROUP BY number HAVING bool_or(kept) AND bool_or(NOT kept)
            )
            SELECT (SELECT count(*) FROM survived), count(DISTINCT (backend, opened))
            FROM entra_pg_demo WHERE name = '{name}'"
        );
        let row = from.execute(&sql).await?;
        let (survived, connections) = row.trim().split_once('|').ok_or("no evidence")?;
        Ok(Self {
            stats,
            survived: survived.parse()?,
            connections: connections.parse()?,
        })
    }

    fn cells(&self, lifetimes: u32) -> String {
        let survived = match self.stats.name {
            CONTROL => "none".into(),
            _ => format!("{} of {lifetimes}", self.survived),
        };
        let (stats, connections) = (&self.stats, self.connections);
        let (name, operations, errors) = (stats.name, stats.operations, stats.errors.len());
        format!("{name}|{survived}|{connections}|{operations}|{errors}")
    }

    /// Returns the first promise that was not kept, as a line.
    fn broken(&self, lifetimes: u32, rejection: &str) -> String {
        let (name, stats) = (self.stats.name, &self.stats);
        let refused = |error: &str| error.contains("authentication failed");
        let problem = match (name, stats.errors.first()) {
            (CONTROL, None) => "did not fail, which proves nothing".into(),
            (CONTROL, _) if stats.operations == 0 => "never worked, which proves nothing".into(),
            (CONTROL, Some(error)) if refused(error) && rejection.contains("expired") => {
                return String::new();
            }
            (_, Some(error)) => format!("had {} errors, the first: {error}", stats.errors.len()),
            (_, None) if self.survived == lifetimes => return String::new(),
            (_, None) => format!("survived only {} lifetimes", self.survived),
        };
        format!("NOT KEPT: {name} {problem}\n")
    }
}

/// Returns whether every promise was kept.
pub(crate) fn print(rows: &[Row], lifetimes: u32, control: &Control) -> bool {
    let mut table = Table::new();
    let header = "adapter|token lifetimes survived|connections opened|operations|errors";
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header.split('|'));
    for row in rows {
        table.add_row(row.cells(lifetimes).split('|'));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let (requests, rejection) = (control.token_requests(), control.last_rejection());
    let rejection = rejection.unwrap_or_default();
    println!("\n{table}\nToken requests of all adapters: {requests}");
    println!("Last login that the server rejected: {rejection}");
    let broken = rows.iter().map(|row| row.broken(lifetimes, &rejection));
    let broken: String = broken.collect();
    print!("{broken}");
    if broken.is_empty() {
        println!("Every adapter outlived its tokens without an error; the pasted token did not.");
    }
    broken.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(name: &'static str, operations: u64, error: Option<&str>, survived: u32) -> String {
        let mut stats = Stats::new(name);
        stats.operations = operations;
        stats.errors.extend(error.map(str::to_owned));
        let row = Row {
            stats,
            survived,
            connections: 9,
        };
        row.broken(5, "token expired 0 s ago")
    }

    #[test]
    fn only_a_flawless_run_beside_a_control_that_expires_passes() {
        assert_eq!(broken("it", 9, None, 5), "");
        assert_eq!(broken(CONTROL, 2, Some("authentication failed"), 1), "");
        assert!(broken(CONTROL, 2, Some("timed out"), 1).contains("the first: timed out"));
        assert!(broken("it", 9, Some("oops"), 5).contains("had 1 errors, the first: oops"));
        assert!(broken("it", 9, None, 4).contains("survived only 4"));
        assert!(broken(CONTROL, 0, Some("no"), 0).contains("never worked"));
        assert!(broken(CONTROL, 9, None, 5).contains("did not fail"));
    }
}
