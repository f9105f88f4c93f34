//! Opening a physical connection and closing it, TLS and the server's check of the token included.

use criterion::{Criterion, SamplingMode};
use entra_pg_sqlx::{ConnectEntra, Strategy};
use entra_pg_tests::world::{entra, shared, target};
use entra_pg_tokio_postgres::Connector;
use sqlx::{
    ConnectOptions, Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::runtime::Runtime;

use crate::pasted::{self, BASELINE};

pub fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    tokio_postgres(criterion, runtime);
    sqlx(criterion, runtime);
}

fn tokio_postgres(criterion: &mut Criterion, runtime: &Runtime) {
    let bare = runtime.block_on(pasted::TokioPostgres::new(shared()));
    let connector =
        Connector::new(target(shared(), "bench"), &entra(shared())).expect("a connector");
    let mut group = criterion.benchmark_group("connect with tokio-postgres");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BASELINE, |b| {
        b.to_async(runtime).iter(|| bare.connect());
    });
    group.bench_function("Connector", |b| {
        b.to_async(runtime).iter(|| connector.connect_and_spawn());
    });
    group.finish();
}

fn sqlx(criterion: &mut Criterion, runtime: &Runtime) {
    let bare = runtime.block_on(pasted::sqlx_options(shared()));
    let rotate = runtime.block_on(pool(Strategy::Rotate(&entra(shared()))));
    let per_connection = runtime.block_on(pool(Strategy::PerConnection(&entra(shared()))));
    let mut group = criterion.benchmark_group("connect with sqlx");
    group.sampling_mode(SamplingMode::Flat);
    for (name, options) in [
        (BASELINE, &bare),
        ("Strategy::Rotate", &*rotate.connect_options()),
        (
            "Strategy::PerConnection",
            &*per_connection.connect_options(),
        ),
    ] {
        group.bench_function(name, |b| b.to_async(runtime).iter(|| connect(options)));
    }
    group.finish();
    runtime.block_on(async { tokio::join!(rotate.close(), per_connection.close()) });
}

async fn connect(options: &PgConnectOptions) {
    let connection = options.connect().await.expect("a connection");
    connection.close().await.expect("it closes");
}

/// A pool as the adapter makes it.
pub async fn pool(strategy: Strategy<'_>) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .connect_entra(target(shared(), "bench"), strategy)
        .await
        .expect("a pool")
}
