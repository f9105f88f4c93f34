//! Opening a physical connection and closing it, TLS and the server's check of the token included.

use criterion::{Criterion, SamplingMode};
use entra_pg_tests::{
    fixtures::{entra, shared, target},
    pasted::{self, BASELINE},
};
use entra_pg_tokio_postgres::Connector;
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::runtime::Runtime;

use crate::pools;

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
        b.to_async(runtime)
            .iter(async || connector.connect_and_spawn().await.expect("a connection"));
    });
    group.finish();
}

fn sqlx(criterion: &mut Criterion, runtime: &Runtime) {
    let pools = runtime.block_on(pools::open());
    let mut group = criterion.benchmark_group("connect with sqlx");
    group.sampling_mode(SamplingMode::Flat);
    for (name, pool) in &pools {
        let options = pool.connect_options();
        group.bench_function(*name, |b| b.to_async(runtime).iter(|| connect(&options)));
    }
    group.finish();
    runtime.block_on(pools::close(pools));
}

async fn connect(options: &PgConnectOptions) {
    let connection = options.connect().await.expect("a connection");
    connection.close().await.expect("it closes");
}
