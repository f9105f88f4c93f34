//! What runs over a connection that is open: only per connection there is something of ours in its way.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use futures::TryStreamExt;
use sqlx::PgPool;
use tokio::runtime::Runtime;

use crate::pools;

const ROWS: u64 = 100_000;

pub fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    let pools = runtime.block_on(pools::open());
    let mut group = criterion.benchmark_group("SELECT 1 with sqlx");
    for (name, pool) in &pools {
        group.bench_function(*name, |b| {
            b.to_async(runtime)
                .iter_custom(|times| select_one(pool.clone(), times));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("100,000 rows with sqlx");
    group.sample_size(20).throughput(Throughput::Elements(ROWS));
    for (name, pool) in &pools {
        group.bench_function(*name, |b| b.to_async(runtime).iter(|| many_rows(pool)));
    }
    group.finish();
    runtime.block_on(pools::close(pools));
}

/// On a thread of the runtime, as an application does, and over one connection.
async fn select_one(pool: PgPool, times: u64) -> Duration {
    let selects = async move {
        let mut connection = pool.acquire().await.expect("a connection");
        let started = Instant::now();
        for _ in 0..times {
            let one: i32 = sqlx::query_scalar("SELECT 1")
                .fetch_one(&mut *connection)
                .await
                .expect("an answer");
            black_box(one);
        }
        started.elapsed()
    };
    tokio::spawn(selects).await.expect("no panic")
}

async fn many_rows(pool: &PgPool) {
    let rows: u64 = sqlx::query("SELECT i, md5(i::text) FROM generate_series(1, 100000) AS i")
        .fetch(pool)
        .try_fold(0, async |count, _| Ok(count + 1))
        .await
        .expect("rows");
    assert_eq!(rows, ROWS);
}
