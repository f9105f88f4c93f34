//! Sync Diesel on an r2d2 pool. libpq opens the connections and takes only a fixed password, so the pool connects to the
//! private socket of a proxy in this process. The proxy logs in each connection with a fresh token. README.md explains how to
//! run it.

mod readings;

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use diesel::{
    PgConnection,
    r2d2::{ConnectionManager, Pool},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use entra_pg_proxy::{Entra, Proxy, entra_pg_core::LoginProvider};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

type PgPool = Pool<ConnectionManager<PgConnection>>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
const METERS: i32 = 3;
const INTERVAL: Duration = Duration::from_secs(1);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,azure_identity=warn"));
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();
    let url = std::env::var("DATABASE_URL")
        .map_err(|_| "set DATABASE_URL to postgres://ROLE@HOST/DATABASE, without a password")?;

    // The proxy needs a runtime; the rest of the program does not.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let _within = runtime.enter();
    let provider = Entra::from_env()?.login_provider(url)?;
    let proxy = Proxy::builder(provider.clone())
        .this_process_only()
        .bind_private()?;

    let pool = connect(&proxy, &provider)?;
    pool.get()?.run_pending_migrations(MIGRATIONS)?;

    let stopping = AtomicBool::new(false);
    let mut terminate = signal(SignalKind::terminate())?;
    thread::scope(|scope| {
        for meter in 1..=METERS {
            let (pool, stopping) = (&pool, &stopping);
            scope.spawn(move || measure(pool, meter, stopping));
        }
        runtime.block_on(async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        tracing::info!("stopping");
        stopping.store(true, Ordering::Relaxed);
    });
    drop(pool);
    runtime.block_on(proxy.close());
    Ok(())
}

/// Makes a pool of connections to the proxy. They stay on this machine and need no TLS; the proxy's own to the server use it.
fn connect(proxy: &Proxy, provider: &LoginProvider) -> Result<PgPool, Failure> {
    let quoted = |value: &str| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
    let conninfo = format!(
        "host={} port={} dbname={} sslmode=disable",
        quoted(&proxy.address().host()),
        proxy.address().port(),
        quoted(provider.target().database().unwrap_or("postgres")),
    );
    Ok(Pool::builder()
        .max_size(4)
        .connection_timeout(Duration::from_secs(20))
        .build(ConnectionManager::new(conninfo))?)
}

fn measure(pool: &PgPool, meter: i32, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Relaxed) {
        match write(pool, meter) {
            Ok(total) => println!("meter {meter}: {total} readings"),
            Err(error) => tracing::error!(error, meter, "cannot write"),
        }
        thread::sleep(INTERVAL);
    }
}

fn write(pool: &PgPool, meter: i32) -> Result<i64, Failure> {
    Ok(readings::write(&mut *pool.get()?, meter, 100 * meter)?)
}
