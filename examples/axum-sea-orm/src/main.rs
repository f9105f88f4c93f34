//! A JSON service on axum and SeaORM. It logs in with Microsoft Entra tokens, migrates its database at start, and keeps
//! working when tokens expire. README.md explains how to run it.

mod error;
mod orders;
mod server;

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use entra_pg_sea_orm::Entra;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, DatabaseConnection};
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

    let mut options = ConnectOptions::new(url);
    options
        .max_connections(10)
        .acquire_timeout(Duration::from_secs(20))
        .sqlx_logging(false);
    let db = entra_pg_sea_orm::connect(options, &entra).await?;
    Migrator::up(&db, None).await?;

    let app = Router::new()
        .route("/orders", get(orders::list).post(orders::create))
        .route("/orders/{id}", get(orders::find))
        .route("/ready", get(ready))
        .with_state(db.clone())
        .merge(server::health(entra));
    server::serve(app).await?;

    db.close().await?; // also ends the task that keeps the token fresh
    Ok(())
}

async fn ready(State(db): State<DatabaseConnection>) -> Result<StatusCode, AppError> {
    db.ping().await?;
    Ok(StatusCode::NO_CONTENT)
}
