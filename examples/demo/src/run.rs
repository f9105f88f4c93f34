//! The run: all adapters connect, work through the token lifetimes, and stop. Then the server's records are counted.

use std::time::{Duration, SystemTime};

use entra_pg_core::{Entra, RefreshPolicy};
use entra_pg_emulator::{CredentialSource, Emulator};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    Result,
    adapters::{diesel_async, sea_orm, sqlx, tokio_postgres},
    outcome::{self, CONTROL, Row},
    worker::{Stats, Worker},
};

const NAMES: [&str; 5] = ["sea-orm", "sqlx", "diesel-async", "tokio-postgres", CONTROL];

type Running = (JoinHandle<Result<()>>, watch::Receiver<Stats>);

/// Runs the demo and prints its outcome. Returns whether every promise was kept.
pub(crate) async fn run(emulator: &Emulator, lifetimes: u32, each: Duration) -> Result<bool> {
    let control = emulator.control();
    control.execute(outcome::CREATE_TABLE).await?;
    let mut policy = RefreshPolicy::default();
    // The default suits tokens that live for an hour.
    policy.refresh_before = each / 6;
    let entra = Entra::builder()
        .vars(emulator.environment(CredentialSource::ManagedIdentity))
        .refresh_policy(policy)
        .build()?;

    let (stop, stopped) = watch::channel(());
    let mut running = Vec::new();
    for name in NAMES {
        let (url, ca) = (emulator.url(), emulator.ca_file().display());
        let (sender, mut stats) = watch::channel(Stats::new(name));
        let worker = Worker {
            url: format!("{url}?sslrootcert={ca}&application_name={name}"),
            entra: entra.clone(),
            max_lifetime: each / 3,
            stop: stopped.clone(),
            stats: sender,
        };
        let mut task = tokio::spawn(work(name, worker));
        tokio::select! {
            ended = &mut task => ended?.map_err(|error| format!("{name}: {error}"))?,
            _ = stats.wait_for(|stats| stats.connected) => (),
        }
        running.push((task, stats));
    }
    control.execute(outcome::BEGIN).await?;
    show_progress(&running, &entra, each * lifetimes, each / 4).await;
    drop(stop);

    let mut rows = Vec::new();
    for (task, stats) in running {
        let closed = task.await?;
        let mut stats = stats.borrow().clone();
        stats.errors.extend(closed.err().map(|e| e.to_string()));
        rows.push(Row::read(stats, control, each.as_secs_f64(), lifetimes).await?);
    }
    Ok(outcome::print(&rows, lifetimes, control))
}

async fn work(name: &str, worker: Worker) -> Result<()> {
    match name {
        "sea-orm" => sea_orm::run(worker).await,
        "sqlx" => sqlx::run(worker).await,
        "diesel-async" => diesel_async::run(worker).await,
        "tokio-postgres" => tokio_postgres::run(worker).await,
        _ => sqlx::run_with_pasted_token(worker).await,
    }
}

/// Prints a line every now and then until the time is over.
async fn show_progress(running: &[Running], entra: &Entra, total: Duration, pause: Duration) {
    println!("Credential: {}", entra.credential_name());
    let names = NAMES.map(|name| format!("{name:>16}"));
    println!(
        "Operations and errors so far:\n  token left{}",
        names.concat()
    );
    let begin = Instant::now();
    while begin.elapsed() < total {
        sleep(pause).await;
        let expiry = entra.status().first().and_then(|status| status.expires_on);
        let left = expiry.and_then(|expiry| expiry.duration_since(SystemTime::now()).ok());
        let cells = running.iter().map(|(_, stats)| {
            let stats = stats.borrow();
            format!("{:>12} {:>3}", stats.operations, stats.errors.len())
        });
        let (left, cells) = (left.unwrap_or_default(), cells.collect::<String>());
        println!("{:>10.1} s{cells}", left.as_secs_f64());
    }
}
