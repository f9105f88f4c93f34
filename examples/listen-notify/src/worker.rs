//! Does jobs, over as many connections as that takes.
//!
//! A notification only says that there is something to do. What there is to do stands in the table, so nothing is lost while
//! nobody listens; and a job is done in the transaction that takes it, so a lost connection gives it back.

use std::{convert::Infallible, error::Error, future::poll_fn, time::Duration};

use entra_pg_tokio_postgres::{Connection, Connector};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client};

type Failure = Box<dyn Error + Send + Sync>;

/// Between one connection and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it goes without looking at the table. For jobs of other workers that gave them back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Works until it is dropped.
pub async fn run(connector: &Connector) {
    loop {
        // Why it could not connect, the connector logs itself.
        if let Ok((client, connection)) = connector.connect().await {
            let Err(error) = serve(client, connection).await;
            tracing::warn!(%error, "connection lost");
        }
        sleep(PAUSE).await;
    }
}

/// Works for as long as the connection lives.
async fn serve(client: Client, connection: Connection) -> Result<Infallible, Failure> {
    let news = Notify::new();
    tokio::select! {
        ended = hear(connection, &news) => ended,
        ended = work(client, &news) => ended,
    }
}

/// Does the connection's I/O. Whoever spawns a connection instead does not see its notifications.
async fn hear(mut connection: Connection, news: &Notify) -> Result<Infallible, Failure> {
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(_) = message? {
            news.notify_one();
        }
    }
    Err("the server closed it".into())
}

async fn work(mut client: Client, news: &Notify) -> Result<Infallible, Failure> {
    client.batch_execute("LISTEN jobs").await?;
    tracing::info!("listening");
    loop {
        // First, since notifications that were sent before LISTEN are not heard.
        while do_one(&mut client).await? {}
        let _ = timeout(PATIENCE, news.notified()).await;
    }
}

/// `false` if there is nothing to do.
async fn do_one(client: &mut Client) -> Result<bool, Failure> {
    let transaction = client.transaction().await?;
    let next = "SELECT id, task FROM jobs WHERE done_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(job) = transaction.query_opt(next, &[]).await? else {
        return Ok(false);
    };
    let (id, task): (i32, String) = (job.try_get("id")?, job.try_get("task")?);
    // Here it does whatever the job is.
    transaction
        .execute("UPDATE jobs SET done_at = now() WHERE id = $1", &[&id])
        .await?;
    transaction.commit().await?;
    println!("done: {task}");
    Ok(true)
}
