//! sqlx's pools, of one connection each: the bare driver's, and as each strategy makes them.

use entra_pg_sqlx::{Entra, EntraOptions, Strategy};
use entra_pg_tests::{
    fixtures::{entra, shared, target},
    pasted::{self, BASELINE},
};
use sqlx::{PgPool, postgres::PgPoolOptions};

pub type NamedAdapter = (&'static str, PgPool);

pub async fn open() -> [NamedAdapter; 3] {
    let entra = entra(shared());
    [
        (BASELINE, pasted::sqlx_pool(shared()).await),
        ("Strategy::Rotate", pool(&entra, Strategy::Rotate).await),
        (
            "Strategy::PerConnection",
            pool(&entra, Strategy::PerConnection).await,
        ),
    ]
}

pub async fn close(pools: [NamedAdapter; 3]) {
    for (_, pool) in pools {
        pool.close().await;
    }
}

async fn pool(entra: &Entra, strategy: Strategy) -> PgPool {
    let pool_options = PgPoolOptions::new().max_connections(1);
    let options = EntraOptions::new().strategy(strategy);
    entra_pg_sqlx::connect_with(pool_options, target(shared(), "bench"), entra, options)
        .await
        .expect("a pool")
}
