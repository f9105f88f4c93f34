//! A worker that receives jobs through LISTEN and NOTIFY. A listening connection may live for days, long after its token has
//! expired; when it breaks, the next one opens with a fresh token. README.md explains how to run it.

mod worker;

use std::{error::Error, time::Duration};

use entra_pg_tokio_postgres::{Connector, Entra};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
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
    // Sooner than by default: a connection that only listens does not notice otherwise that its server is gone.
    let connector = Connector::builder(url, &entra)
        .configure(|config| {
            config
                .keepalives_idle(Duration::from_secs(30))
                .tcp_user_timeout(Duration::from_secs(30));
        })
        .build()?;

    // A wrong configuration ends the program here; later failures do not.
    let client = connector.connect_and_spawn().await?;
    client.batch_execute(include_str!("schema.sql")).await?;
    drop(client);

    let mut terminate = signal(SignalKind::terminate())?;
    println!("waiting for jobs; each line that you type becomes one");
    tokio::select! {
        () = worker::run(&connector) => {}
        () = post_lines(&connector) => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}

/// Posts each line of standard input as a job. Never returns, even at the end of the input.
async fn post_lines(connector: &Connector) {
    let (sender, mut lines) = mpsc::channel(16);
    // Not through Tokio's standard input: a pending read there keeps the program from stopping.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        if let Err(error) = post(connector, &line).await {
            tracing::error!(error, line, "cannot post the job");
        }
    }
    std::future::pending().await
}

async fn post(connector: &Connector, task: &str) -> Result<(), Box<dyn Error>> {
    let client = connector.connect_and_spawn().await?;
    client
        .execute("INSERT INTO jobs (task) VALUES ($1)", &[&task])
        .await?;
    Ok(())
}
