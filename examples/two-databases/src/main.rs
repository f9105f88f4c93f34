//! Two databases in one process, each with its own identity: the app's for the sales, a user-assigned one for the reports.
//! Pools with the same identity would use clones of one `Entra` and share its token. README.md explains how to run it.

use std::{error::Error, time::Duration};

use entra_pg_sqlx::{Entra, entra_pg_core::ManagedIdentity};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const INTERVAL: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,azure_identity=warn"));
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();

    let app = Entra::from_env()?;
    let reporter = ManagedIdentity::ClientId(variable("REPORTS_CLIENT_ID")?);
    let reporter = Entra::managed_identity(reporter)?;
    let sales = connect(variable("DATABASE_URL")?, &app).await?;
    let reports = connect(variable("REPORTS_URL")?, &reporter).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS sales (id serial PRIMARY KEY, article text NOT NULL)")
        .execute(&sales)
        .await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS reports (id serial PRIMARY KEY, total bigint NOT NULL)",
    )
    .execute(&reports)
    .await?;

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        () = report(&sales, &reports) => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    sales.close().await; // also ends the task that keeps its token fresh
    reports.close().await;
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("set {name}; README.md shows how"))
}

async fn connect(url: String, entra: &Entra) -> Result<PgPool, entra_pg_sqlx::Error> {
    let options = PgPoolOptions::new().max_connections(5);
    entra_pg_sqlx::connect(options, url, entra).await
}

/// Sells and reports until it is dropped.
async fn report(sales: &PgPool, reports: &PgPool) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        match sell_and_report(sales, reports).await {
            Ok(report) => println!("{report}"),
            Err(error) => tracing::error!(%error, "cannot report"),
        }
    }
}

async fn sell_and_report(sales: &PgPool, reports: &PgPool) -> Result<String, sqlx::Error> {
    sqlx::query("INSERT INTO sales (article) VALUES ('tea')")
        .execute(sales)
        .await?;
    let (seller, total): (String, i64) =
        sqlx::query_as("SELECT current_user::text, count(*) FROM sales")
            .fetch_one(sales)
            .await?;
    let (reporter,): (String,) =
        sqlx::query_as("INSERT INTO reports (total) VALUES ($1) RETURNING current_user::text")
            .bind(total)
            .fetch_one(reports)
            .await?;
    Ok(format!(
        "{seller} made {total} sales, counted by {reporter}"
    ))
}
