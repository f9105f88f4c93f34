//! What the role may do after the login.

use std::time::{Duration, SystemTime};

use entra_pg_core::connect::chain;
use entra_pg_tokio_postgres::tokio_postgres::{Client, Row};
use postgres_protocol::escape::escape_identifier;
use tokio::time::timeout;

use super::report::{CheckResult, Finding, Outcome};
use crate::time::between;

/// The login worked a moment ago.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// Tokens live for much longer.
const CLOCK_TOLERANCE: i64 = 60;

const QUERY: &str = "SELECT current_user::text AS role, current_database()::text AS database, current_schema()::text AS schema, \
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create, \
    (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS administers, \
    extract(epoch FROM clock_timestamp())::float8 AS time, \
    current_setting('server_version') AS version";

/// The session as the server sees it.
struct Session {
    role: String,
    database: String,
    schema: Option<String>,
    may_create: bool,
    administers: bool,
    version: String,
    time: SystemTime,
}

pub(super) async fn inspect(client: &Client) -> CheckResult<()> {
    let failed = |reason: String| {
        Finding::new(
            format!("the login worked, but a query failed: {reason}"),
            "check the server's health",
        )
    };
    let row = timeout(QUERY_TIMEOUT, client.query_one(QUERY, &[]))
        .await
        .map_err(|_| failed(format!("no response within {} s", QUERY_TIMEOUT.as_secs())))?
        .map_err(|error| failed(chain(&error)))?;
    let session = Session::read(&row).map_err(|error| failed(chain(&error)))?;
    Ok(((), session.outcome(SystemTime::now())))
}

impl Session {
    fn read(row: &Row) -> Result<Self, entra_pg_tokio_postgres::tokio_postgres::Error> {
        let seconds: f64 = row.try_get("time")?;
        let since_1970 = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(Self {
            role: row.try_get("role")?,
            database: row.try_get("database")?,
            schema: row.try_get("schema")?,
            may_create: row.try_get("may_create")?,
            administers: row
                .try_get::<_, Option<bool>>("administers")?
                .unwrap_or(false),
            version: row.try_get("version")?,
            time: SystemTime::UNIX_EPOCH + since_1970,
        })
    }

    fn outcome(&self, now: SystemTime) -> Outcome {
        let Self {
            role,
            database,
            version,
            ..
        } = self;
        let rank = if self.administers {
            ", an administrator"
        } else {
            ""
        };
        Outcome::Passed {
            summary: format!("{role}{rank} in {database}, PostgreSQL {version}"),
            notes: [self.on_tables(), self.on_clocks(now)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Since version 15 only the database's owner may create tables in `public`, so migrations fail for all others.
    fn on_tables(&self) -> Option<String> {
        if self.may_create {
            return None;
        }
        let schema = self.schema.as_deref().unwrap_or("public");
        Some(format!(
            "{} may not create tables in the schema {schema}; if it should, as for migrations, run as an administrator in the database \
             {}\nGRANT USAGE, CREATE ON SCHEMA {} TO {};",
            self.role,
            self.database,
            escape_identifier(schema),
            escape_identifier(&self.role)
        ))
    }

    fn on_clocks(&self, now: SystemTime) -> Option<String> {
        let ahead = between(self.time, now);
        if ahead.as_secs().abs() < CLOCK_TOLERANCE {
            return None;
        }
        let direction = if ahead.is_positive() {
            "ahead of"
        } else {
            "behind"
        };
        Some(format!(
            "this machine's clock is {:#} {direction} the server's: set it (NTP), or tokens seem to expire at the wrong time",
            ahead.abs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn session(may_create: bool, schema: Option<&str>) -> Session {
        Session {
            role: "app".into(),
            database: "orders".into(),
            schema: schema.map(str::to_owned),
            may_create,
            administers: false,
            version: "17".into(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(10_000),
        }
    }

    #[rstest]
    #[case(true, Some("public"), None)]
    #[case(
        false,
        Some("shop"),
        Some("GRANT USAGE, CREATE ON SCHEMA \"shop\" TO \"app\";")
    )]
    #[case(false, None, Some("ON SCHEMA \"public\" TO \"app\";"))]
    fn a_role_that_may_not_migrate_gets_the_grant(
        #[case] may_create: bool,
        #[case] schema: Option<&str>,
        #[case] grant: Option<&str>,
    ) {
        let note = session(may_create, schema).on_tables();
        assert_eq!(note.is_some(), grant.is_some());
        if let (Some(note), Some(grant)) = (note, grant) {
            assert!(note.ends_with(grant), "{note}");
        }
    }

    #[rstest]
    #[case(10_030, None)]
    #[case(10_600, Some("10m ahead of"))]
    #[case(9_400, Some("10m behind"))]
    fn a_clock_that_is_off_is_noticed(#[case] now: u64, #[case] expected: Option<&str>) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        let note = session(true, None).on_clocks(now);
        assert_eq!(note.is_some(), expected.is_some(), "{note:?}");
        if let (Some(note), Some(expected)) = (note, expected) {
            assert!(note.contains(expected), "{note}");
        }
    }
}
