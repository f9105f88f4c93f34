//! The table in which the server itself records who wrote what, over which connection.

use entra_pg_tokio_postgres::connect;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::contestant::{PATIENCE, Setting, text};

/// Every column that is evidence is a default, so no contestant can get it wrong.
const CREATE: &str = "
    DROP TABLE IF EXISTS entra_pg_demo;
    CREATE OR REPLACE FUNCTION entra_pg_demo_opened() RETURNS bigint LANGUAGE sql AS
        'SELECT (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()';
    CREATE TABLE entra_pg_demo (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        application text NOT NULL DEFAULT current_setting('application_name'),
        backend integer NOT NULL DEFAULT pg_backend_pid(),
        opened bigint NOT NULL DEFAULT entra_pg_demo_opened(),
        written bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        kept boolean NOT NULL,
        note text NOT NULL
    )";
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const READ: &str = "SELECT application, backend, opened, written, kept FROM entra_pg_demo";
const DROP: &str = "DROP TABLE entra_pg_demo; DROP FUNCTION entra_pg_demo_opened()";

/// One row, without what the contestant wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) application: String,
    pub(crate) backend: i32,
    /// When the connection was opened, in microseconds since 1970 by the server's clock.
    pub(crate) opened: i64,
    /// When the row was written, likewise.
    pub(crate) written: i64,
    /// Whether it was written over the connection that is held from the start.
    pub(crate) kept: bool,
}

/// The table, and a connection of its own to it.
pub(crate) struct Records(Client);

impl Records {
    /// Replaces what an earlier run left.
    pub(crate) async fn create(setting: &Setting) -> Result<Self, String> {
        bounded("creating the demo's table", async {
            let client = connect(setting.url_for("demo-records").as_str(), &setting.entra)
                .await
                .map_err(text)?;
            client.batch_execute(CREATE).await.map_err(text)?;
            Ok(Self(client))
        })
        .await
    }

    /// The time by the server's clock, in microseconds since 1970.
    pub(crate) async fn now(&self) -> Result<i64, String> {
        let row = bounded("asking the server for the time", async {
            self.0.query_one(NOW, &[]).await.map_err(text)
        });
        row.await?.try_get(0).map_err(text)
    }

    pub(crate) async fn read(&self) -> Result<Vec<Record>, String> {
        let rows = bounded("reading what the server recorded", async {
            self.0.query(READ, &[]).await.map_err(text)
        });
        let record = |row: tokio_postgres::Row| -> Result<Record, tokio_postgres::Error> {
            Ok(Record {
                application: row.try_get("application")?,
                backend: row.try_get("backend")?,
                opened: row.try_get("opened")?,
                written: row.try_get("written")?,
                kept: row.try_get("kept")?,
            })
        };
        rows.await?
            .into_iter()
            .map(|row| record(row).map_err(text))
            .collect()
    }

    /// Leaves nothing behind.
    pub(crate) async fn remove(self) -> Result<(), String> {
        bounded("removing the demo's table", async {
            self.0.batch_execute(DROP).await.map_err(text)
        })
        .await
    }
}

async fn bounded<T>(
    what: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    match timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(|error| format!("{what}: {error}")),
        Err(_) => Err(format!("{what} took more than {} s", PATIENCE.as_secs())),
    }
}
