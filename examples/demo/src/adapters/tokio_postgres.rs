//! A new connection for each row, as in programs without a pool, and one that is kept.

use entra_pg_tokio_postgres::Connector;
use tokio_postgres::Client;

use crate::{Result, worker::Worker};

pub(crate) async fn run(mut worker: Worker) -> Result<()> {
    let connector = Connector::new(worker.url.as_str(), &worker.entra)?;
    let kept = connector.connect_and_spawn().await?;
    while worker.next_round().await {
        let fresh = async { insert(&connector.connect_and_spawn().await?, false).await };
        worker.run(fresh).await;
        worker.run(insert(&kept, true)).await;
    }
    Ok(())
}

async fn insert(client: &Client, kept: bool) -> Result<u64> {
    let insert = "INSERT INTO entra_pg_demo (kept) VALUES ($1)";
    Ok(client.execute(insert, &[&kept]).await?)
}
