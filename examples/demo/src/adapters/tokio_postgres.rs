//! tokio-postgres: a new connection for every round, as programs without a pool do, and one that is kept.

use async_trait::async_trait;
use entra_pg_tokio_postgres::Connector;
use tokio_postgres::Client;

use crate::contestant::{Contestant, Seen, Setting, text};

struct TokioPostgres {
    connector: Connector,
    kept: Client,
}

pub(super) async fn open(url: String, setting: &Setting) -> Result<Box<dyn Contestant>, String> {
    let connector = Connector::new(url.as_str(), &setting.entra).map_err(text)?;
    let kept = connector.connect_and_spawn().await.map_err(text)?;
    Ok(Box::new(TokioPostgres { connector, kept }))
}

#[async_trait]
impl Contestant for TokioPostgres {
    async fn fresh(&mut self, note: &str) -> Result<Seen, String> {
        let client = self.connector.connect_and_spawn().await.map_err(text)?;
        round(&client, false, note).await.map_err(text)
    }

    async fn kept(&mut self, note: &str) -> Result<Seen, String> {
        round(&self.kept, true, note).await.map_err(text)
    }

    async fn close(self: Box<Self>) -> Result<(), String> {
        // A connection ends with its client.
        Ok(())
    }
}

async fn round(client: &Client, kept: bool, note: &str) -> Result<Seen, tokio_postgres::Error> {
    let written = client
        .query_one(
            "INSERT INTO entra_pg_demo (kept, note) VALUES ($1, $2) RETURNING id",
            &[&kept, &note],
        )
        .await?;
    let id: i64 = written.try_get("id")?;
    let row = client
        .query_one(
            "SELECT note, backend, opened FROM entra_pg_demo WHERE id = $1",
            &[&id],
        )
        .await?;
    Ok(Seen {
        note: row.try_get("note")?,
        backend: row.try_get("backend")?,
        opened: row.try_get("opened")?,
    })
}
