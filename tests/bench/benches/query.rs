//! What runs over connections that are open: only per connection there is something of ours in its way.

use std::time::Instant;

use async_trait::async_trait;
use entra_pg_sqlx::{EntraOptions, Strategy};
use entra_pg_tests::{
    fixtures::{entra, shared, target},
    pasted,
};
use futures::{TryStreamExt, future::join_all};
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::section::{Goal, Limit, Section, Subject, Unit};

const POOL: u32 = 16;
/// By each connection.
const QUERIES: u32 = 500;

const PASTED: &str = "sqlx, a pasted token";
const ROTATE: &str = "sqlx";
const PER_CONNECTION: &str = "sqlx per connection";

pub async fn sections() -> [Section; 3] {
    let pools = [
        (PASTED, pasted::sqlx_pool(POOL).await),
        (ROTATE, pool(Strategy::Rotate).await),
        (PER_CONNECTION, pool(Strategy::PerConnection).await),
    ];
    let section = |title, about, goal, sql, times, connections| Section {
        title,
        about,
        unit: Unit::PerSecond,
        percentiles: &[50],
        subjects: subjects(&pools, sql, times, connections),
        baseline_of: |_| PASTED,
        goals: vec![
            at_least(ROTATE, 0.99, "the driver is the same, so this is noise"),
            at_least(
                PER_CONNECTION,
                goal,
                "each byte is copied once more, by the processors that client and server use",
            ),
        ],
    };
    [
        section(
            "Small queries",
            "`SELECT 1` by sixteen connections at once: how many a second, all of them together.",
            0.8,
            "SELECT 1",
            QUERIES,
            POOL,
        ),
        section(
            "Reads of a hundred rows",
            "A hundred rows of 36 bytes by each query, by sixteen connections at once.",
            0.8,
            "SELECT i, md5(i::text) FROM generate_series(1, 100) AS i",
            QUERIES / 5,
            POOL,
        ),
        section(
            "Bulk",
            "300,000 rows by one query over one connection: how many rows a second that is.",
            1.0,
            "SELECT i, md5(i::text) FROM generate_series(1, 300000) AS i",
            1,
            1,
        ),
    ]
}

fn at_least(subject: &'static str, ratio: f64, reason: &'static str) -> Goal {
    Goal {
        subject,
        limit: Limit::AtLeast(ratio),
        reason,
    }
}

async fn pool(strategy: Strategy) -> PgPool {
    let options = PgPoolOptions::new().max_connections(POOL);
    let strategy = EntraOptions::new().strategy(strategy);
    let target = target(shared(), "bench");
    let pool = entra_pg_sqlx::connect_with(options, target, &entra(shared()), strategy).await;
    pool.expect("a pool")
}

fn subjects(
    pools: &[(&'static str, PgPool)],
    sql: &'static str,
    times: u32,
    connections: u32,
) -> Vec<Box<dyn Subject>> {
    let pools = pools.iter().cloned();
    let subjects = pools.map(|(name, pool)| {
        Box::new(Queries {
            name,
            pool,
            sql,
            times,
            connections,
        }) as Box<dyn Subject>
    });
    subjects.collect()
}

struct Queries {
    name: &'static str,
    pool: PgPool,
    sql: &'static str,
    times: u32,
    connections: u32,
}

#[async_trait]
impl Subject for Queries {
    fn name(&self) -> &str {
        self.name
    }

    async fn measure(&self) -> Vec<f64> {
        let begun = Instant::now();
        // On threads of the runtime, as an application does.
        let tasks = (0..self.connections).map(|_| {
            let (pool, sql, times) = (self.pool.clone(), self.sql, self.times);
            tokio::spawn(async move {
                let (mut connection, mut all) = (pool.acquire().await.expect("one"), 0_u32);
                for _ in 0..times {
                    let rows = sqlx::query(sql).fetch(&mut *connection);
                    let rows = rows.try_fold(0, async |count, _| Ok(count + 1)).await;
                    all += rows.expect("rows");
                }
                all
            })
        });
        let rows = join_all(tasks).await.into_iter();
        let rows: u32 = rows.map(|rows| rows.expect("no panic")).sum();
        let queries = self.connections * self.times;
        // One query alone is about its rows.
        let count = if queries == 1 { rows } else { queries };
        vec![f64::from(count) / begun.elapsed().as_secs_f64()]
    }
}
