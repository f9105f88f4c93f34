//! A warning for tools that migrate a schema through a port where migrations go wrong.

use std::ffi::{OsStr, OsString};

use entra_pg_core::Target;

use crate::output::eprint_error;

/// Those without *migrat* or a task `db:…` in their arguments. What else is warned about costs a line on stderr.
const TOOLS: [&str; 16] = [
    "alembic",
    "atlas",
    "dbmate",
    "diesel",
    "drizzle-kit",
    "flyway",
    "goose",
    "knex",
    "liquibase",
    "prisma",
    "refinery",
    "sea-orm-cli",
    "sequelize-cli",
    "sqitch",
    "sqlx",
    "typeorm",
];

/// Warns before the program runs, which may wait for a lock without a word.
pub(crate) fn warn(command: &[OsString], target: &Target) {
    let ports = target.hosts().iter().map(entra_pg_core::Host::port);
    let problem = ports.into_iter().find_map(problem);
    if let Some(problem) = problem.filter(|_| migrates(command)) {
        eprint_error(&format!("warning: {problem}"));
    }
}

/// PgBouncer's port, and the ports of an elastic cluster that lead to any of its nodes.
/// <https://learn.microsoft.com/azure/postgresql/connectivity/concepts-pgbouncer>
/// <https://learn.microsoft.com/azure/postgresql/elastic-clusters/concepts-elastic-clusters>
fn problem(port: u16) -> Option<&'static str> {
    match port {
        6432 => Some(
            "port 6432 is PgBouncer's, which in transaction mode leaves a migration's advisory lock to another session; \
             migrate through port 5432",
        ),
        7432 | 8432 => Some(
            "ports 7432 and 8432 of an elastic cluster lead to any of its nodes, which take no schema changes; \
             migrate through port 5432",
        ),
        _ => None,
    }
}

/// Also behind a launcher (`npx knex`), in a shell's script, with a version or a task (`prisma@7`, `flyway:migrate`), as a file.
fn migrates(command: &[OsString]) -> bool {
    let words = command.iter().filter_map(|word| OsStr::to_str(word));
    let mut words = words.flat_map(str::split_whitespace);
    words.any(|word| {
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = name.trim_start_matches("npm:").to_ascii_lowercase();
        let tool = name.split(['@', ':', '.']).next().unwrap_or_default();
        name.contains("migrat") || name.starts_with("db:") || TOOLS.contains(&tool)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("diesel migration run", true)]
    #[case("sqlx migrate run", true)]
    #[case("cargo sqlx migrate run", true)]
    #[case("sea-orm-cli migrate up", true)]
    #[case("/opt/flyway/flyway info", true)]
    #[case("mvn flyway:migrate", true)]
    #[case("gradle flywayMigrate", true)]
    #[case("alembic upgrade head", true)]
    #[case("python -m alembic upgrade head", true)]
    #[case("python manage.py migrate", true)]
    #[case("npx --yes prisma@7 db push", true)]
    #[case("deno run -A npm:prisma@7 db push", true)]
    #[case("knex.cmd seed:run", true)]
    #[case("bin/rails db:prepare", true)]
    #[case("target/release/migration up", true)]
    #[case("cargo run -p migration -- up", true)]
    #[case("bin/rails server", false)]
    #[case("dotnet ef database update", false)]
    #[case("psql -c select", false)]
    #[case("pg_dump --file diesel_orders", false)]
    #[case("/home/me/prisma/server", false)]
    fn tools_that_migrate_are_known(#[case] line: &str, #[case] known: bool) {
        let command: Vec<OsString> = line.split(' ').map(Into::into).collect();
        assert_eq!(migrates(&command), known);
    }

    #[test]
    fn a_shells_script_is_read() {
        let command = ["sh", "-c", "cd app && exec dbmate up"].map(OsString::from);
        assert!(migrates(&command));
    }

    #[rstest]
    #[case(5432, None)]
    #[case(6432, Some("PgBouncer"))]
    #[case(8432, Some("elastic cluster"))]
    fn ports_say_what_is_wrong(#[case] port: u16, #[case] expected: Option<&str>) {
        assert_eq!(problem(port).is_some(), expected.is_some());
        assert!(
            problem(port)
                .unwrap_or_default()
                .contains(expected.unwrap_or_default())
        );
    }
}
