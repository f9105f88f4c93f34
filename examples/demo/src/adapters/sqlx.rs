//! sqlx: a `PgPool` whose connections grow old quickly, and a connection taken out of it and kept.

use async_trait::async_trait;
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection, postgres::PgPoolOptions};

use crate::contestant::{Contestant, PATIENCE, Seen, Setting, text};

struct Sqlx {
    pool: PgPool,
    kept: PoolConnection<Postgres>,
}

pub(super) async fn open(url: String, setting: &Setting) -> Result<Box<dyn Contestant>, String> {
    let pool = entra_pg_sqlx::connect(options(setting), url.as_str(), &setting.entra)
        .await
        .map_err(text)?;
    let kept = pool.acquire().await.map_err(text)?;
    Ok(Box::new(Sqlx { pool, kept }))
}

/// Also those of the pool with a pasted token: the token is all that differs.
pub(crate) fn options(setting: &Setting) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(2)
        .max_lifetime(setting.connection_age)
        .acquire_timeout(PATIENCE)
}

#[async_trait]
impl Contestant for Sqlx {
    async fn fresh(&mut self, note: &str) -> Result<Seen, String> {
        let mut connection = self.pool.acquire().await.map_err(text)?;
        round(&mut connection, false, note).await.map_err(text)
    }

    async fn kept(&mut self, note: &str) -> Result<Seen, String> {
        round(&mut self.kept, true, note).await.map_err(text)
    }

    async fn close(self: Box<Self>) -> Result<(), String> {
        self.kept.close().await.map_err(text)?;
        self.pool.close().await;
        Ok(())
    }
}

pub(crate) async fn round(
    connection: &mut PgConnection,
    kept: bool,
    note: &str,
) -> Result<Seen, sqlx::Error> {
    let id: i64 =
        sqlx::query_scalar("INSERT INTO entra_pg_demo (kept, note) VALUES ($1, $2) RETURNING id")
            .bind(kept)
            .bind(note)
            .fetch_one(&mut *connection)
            .await?;
    let (note, backend, opened) =
        sqlx::query_as("SELECT note, backend, opened FROM entra_pg_demo WHERE id = $1")
            .bind(id)
            .fetch_one(connection)
            .await?;
    Ok(Seen {
        note,
        backend,
        opened,
    })
}
