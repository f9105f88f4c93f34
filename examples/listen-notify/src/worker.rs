//! Works off jobs, and reconnects when the connection is lost.
//!
//! A notification only means that there are jobs; the jobs are in the table, so none is lost while no worker listens. A job is
//! taken and finished in one transaction, so a lost connection puts it back.

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
/// Without a notification. Another worker's lost connection puts its job back silently.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Works until it is dropped.
pub async fn run(connector: &Connector) {
    loop {
        // The connector logs why it could not connect.
        if let Ok((client, connection)) = connector.connect().await {
            let Err(error) = serve(client, connection).await;
            tracing::warn!(%error, "connection lost");
        }
        sleep(PAUSE).await;
    }
}

/// Works until the connection is lost.
async fn serve(client: Client, connection: Connection) -> Result<Infallible, Failure> {
    let notified = Notify::new();
    tokio::select! {
        ended = listen(connection, &notified) => ended,
        ended = work(client, &notified) => ended,
    }
}

/// Drives the connection's I/O. A spawned connection would drop the notifications.
async fn listen(mut connection: Connection, notified: &Notify) -> Result<Infallible, Failure> {
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(_) = message? {
            notified.notify_one();
        }
    }
    Err("the server closed the connection".into())
}

async fn work(mut client: Client, notified: &Notify) -> Result<Infallible, Failure> {
    client.batch_execute("LISTEN jobs").await?;
    tracing::info!("listening");
    loop {
        // First: PostgreSQL does not deliver notifications that were sent before LISTEN.
        while do_one(&mut client).await? {}
        let _ = timeout(POLL_INTERVAL, notified.notified()).await;
    }
}

/// Returns `false` if there is no job.
async fn do_one(client: &mut Client) -> Result<bool, Failure> {
    let transaction = client.transaction().await?;
    let next = "SELECT id, task FROM jobs WHERE done_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(job) = transaction.query_opt(next, &[]).await? else {
        return Ok(false);
    };
    let (id, task): (i32, String) = (job.try_get("id")?, job.try_get("task")?);
    // The job's own work goes here.
    transaction
        .execute("UPDATE jobs SET done_at = now() WHERE id = $1", &[&id])
        .await?;
    transaction.commit().await?;
    println!("done: {task}");
    Ok(true)
}
