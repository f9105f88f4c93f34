//! A JSON service on axum and diesel-async, on a bb8 pool. It logs in with Microsoft Entra tokens, migrates its database at
//! start, and keeps working when tokens expire. README.md explains how to run it.

mod error;
mod parcels;
mod server;

use std::{error::Error, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use diesel_async::{
    AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{RecyclingMethod, bb8},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use entra_pg_diesel_async::{Connector, Entra, connect_with, manager_with};
use tracing_subscriber::EnvFilter;

use crate::error::AppError;

type Pool = bb8::Pool<AsyncPgConnection>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,azure_identity=warn"));
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();
    let url = std::env::var("DATABASE_URL")
        .map_err(|_| "set DATABASE_URL to postgres://ROLE@HOST/DATABASE, without a password")?;
    let entra = Entra::from_env()?;

    let connector = Connector::new(url, &entra)?;
    migrate(connect_with(&connector).await?).await?;
    let pool: Pool = Pool::builder()
        .max_size(10)
        .connection_timeout(Duration::from_secs(20))
        .build(manager_with(connector, RecyclingMethod::default()))
        .await?;

    let app = Router::new()
        .route("/parcels", get(parcels::list).post(parcels::create))
        .route("/parcels/{id}", get(parcels::find))
        .route("/ready", get(ready))
        .with_state(pool)
        .merge(server::health(entra));
    server::serve(app).await?;
    Ok(()) // dropping the router has closed the pool
}

/// The migration harness blocks its thread, so it runs on one that may block.
async fn migrate(connection: AsyncPgConnection) -> Result<(), Box<dyn Error + Send + Sync>> {
    tokio::task::spawn_blocking(move || {
        AsyncMigrationHarness::new(connection)
            .run_pending_migrations(MIGRATIONS)
            .map(|applied| tracing::info!(?applied, "migrated"))
    })
    .await?
}

async fn ready(State(pool): State<Pool>) -> Result<StatusCode, AppError> {
    pool.get().await?.batch_execute("SELECT 1").await?;
    Ok(StatusCode::NO_CONTENT)
}
