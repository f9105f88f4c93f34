//! A JSON service on axum and sqlx. It logs in with Microsoft Entra tokens, migrates its database at start, and keeps
//! working when tokens expire. README.md explains how to run it.

mod error;
mod notes;
mod server;

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use entra_pg_sqlx::Entra;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tracing_subscriber::EnvFilter;

use crate::error::AppError;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
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

    let options = PgPoolOptions::new()
        .max_connections(10)
        .acquire_timeout(Duration::from_secs(20));
    let pool = entra_pg_sqlx::connect(options, url, &entra).await?;
    sqlx::migrate!().run(&pool).await?;

    let app = Router::new()
        .route("/notes", get(notes::list).post(notes::create))
        .route("/notes/{id}", get(notes::find))
        .route("/ready", get(ready))
        .with_state(pool.clone())
        .merge(server::health(entra));
    server::serve(app).await?;

    pool.close().await; // also ends the task that keeps the token fresh
    Ok(())
}

async fn ready(State(pool): State<PgPool>) -> Result<StatusCode, AppError> {
    sqlx::query("SELECT 1").execute(&pool).await?;
    Ok(StatusCode::NO_CONTENT)
}
