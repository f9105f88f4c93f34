//! Opens one adapter's pool and prints what came of it, as a line of JSON: `entra-pg-victim ADAPTER`. Logs to standard error.

use std::{io::stderr, time::Instant};

use entra_pg_core::{Entra, Error, Target};
use entra_pg_tests::{
    adapters::{ALL, PROXY, TestPool},
    attack::{Report, peak_memory},
};
use tracing_subscriber::EnvFilter;

/// With two workers, whatever the machine has: a flood may take up one.
#[tokio::main(worker_threads = 2)]
async fn main() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("entra_pg=trace"))
        .with_ansi(false)
        .with_writer(stderr)
        .init();
    let begun = Instant::now();
    let opened = open().await.map(drop);
    let report = Report {
        code: opened.as_ref().err().map_or("ok", Error::code).to_owned(),
        error: opened.map_or_else(|error| error.to_string(), |()| String::new()),
        took_ms: u64::try_from(begun.elapsed().as_millis()).expect("not for ever"),
        peak: peak_memory("self"),
    };
    println!("{}", serde_json::to_string(&report).expect("plain data"));
    // A task that cannot be ended must not hold the process.
    std::process::exit(0);
}

async fn open() -> Result<Box<dyn TestPool>, Error> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let adapters = ALL.into_iter().chain([PROXY]);
    let adapter = adapters.into_iter().find(|adapter| adapter.name == name);
    let adapter = adapter.expect("the name of an adapter").adapter;
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL");
    let entra = Entra::from_env()?;
    adapter
        .open_sized(&url, Target::parse(&url)?, &entra, 1)
        .await
}
