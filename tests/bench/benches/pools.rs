//! sqlx's pools, of one connection each: the bare driver's, and as each strategy makes them.

use entra_pg_sqlx::{ConnectEntra, Strategy};
use entra_pg_tests::world::{entra, shared, target};
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::pasted::{self, BASELINE};

pub type Named = (&'static str, PgPool);

pub async fn open() -> [Named; 3] {
    let entra = entra(shared());
    [
        (BASELINE, pasted::sqlx_pool(shared()).await),
        ("Strategy::Rotate", pool(Strategy::Rotate(&entra)).await),
        (
            "Strategy::PerConnection",
            pool(Strategy::PerConnection(&entra)).await,
        ),
    ]
}

pub async fn close(pools: [Named; 3]) {
    for (_, pool) in pools {
        pool.close().await;
    }
}

async fn pool(strategy: Strategy<'_>) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .connect_entra(target(shared(), "bench"), strategy)
        .await
        .expect("a pool")
}
