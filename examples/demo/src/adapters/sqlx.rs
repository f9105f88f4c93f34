//! A `PgPool`, and a connection taken out of it; with tokens from the adapter, and with one pasted token.

use sqlx::{
    Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

use crate::{Result, worker::Worker};

const INSERT: &str = "INSERT INTO entra_pg_demo (kept) VALUES (false)";
const INSERT_KEPT: &str = "INSERT INTO entra_pg_demo (kept) VALUES (true)";

pub(crate) async fn run(worker: Worker) -> Result<()> {
    let url = worker.url.as_str();
    let pool = entra_pg_sqlx::connect(options(&worker), url, &worker.entra).await?;
    work(worker, pool).await
}

/// Differs from [`run`] only in where the token comes from.
pub(crate) async fn run_with_pasted_token(worker: Worker) -> Result<()> {
    let provider = worker.entra.login_provider(worker.url.as_str())?;
    let login = provider.login().await?;
    let pasted: PgConnectOptions = worker.url.parse()?;
    let pasted = pasted
        .ssl_mode(PgSslMode::VerifyFull)
        .password(login.token().secret());
    let pool = options(&worker).connect_with(pasted).await?;
    work(worker, pool).await
}

fn options(worker: &Worker) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(2)
        .max_lifetime(worker.max_lifetime)
}

async fn work(mut worker: Worker, pool: PgPool) -> Result<()> {
    let mut kept = pool.acquire().await?;
    while worker.next_round().await {
        worker.run(pool.execute(INSERT)).await;
        worker.run(kept.execute(INSERT_KEPT)).await;
    }
    kept.close().await?;
    pool.close().await;
    Ok(())
}
