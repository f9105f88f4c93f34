//! Opening a physical connection: TLS and the server's check of the token included.

use std::time::Instant;

use async_trait::async_trait;
use entra_pg_tests::{
    adapters::{NamedAdapter, named},
    fixtures::{entra, shared, url},
    pasted,
};

use crate::{
    peers::Peers,
    section::{Goal, Limit, Section, Subject, Unit},
};

const CONNECTS: u32 = 20;

pub fn section(peers: &Peers) -> Section {
    let adapters = [
        pasted::TOKIO_POSTGRES,
        named("tokio-postgres"),
        pasted::DIESEL_ASYNC,
        named("diesel-async on deadpool"),
        pasted::SQLX,
        named("sqlx"),
        named("sqlx per connection"),
        named("SeaORM"),
        named("SeaORM per connection"),
    ];
    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    for adapter in adapters {
        subjects.push(Box::new(Connects(adapter)));
    }
    subjects.extend(peers.connects(CONNECTS));
    Section {
        title: "A connect",
        about: "A pool opens one physical connection after another and keeps them. Other languages' clients do the same in a \
                process of their own; starting that is not counted.",
        unit: Unit::Milliseconds,
        percentiles: &[50, 95],
        subjects,
        baseline_of: |name| match name {
            "diesel-async on deadpool" => pasted::DIESEL_ASYNC.name,
            "sqlx" => pasted::SQLX.name,
            _ => pasted::TOKIO_POSTGRES.name,
        },
        goals: vec![
            at_most("tokio-postgres", 1.02),
            at_most("diesel-async on deadpool", 1.02),
            at_most("sqlx per connection", 1.15),
            at_most("SeaORM per connection", 1.15),
        ],
    }
}

fn at_most(subject: &'static str, ratio: f64) -> Goal {
    Goal {
        subject,
        limit: Limit::AtMost(ratio),
        reason: "see the noise of the rounds beside it",
    }
}

struct Connects(NamedAdapter);

#[async_trait]
impl Subject for Connects {
    fn name(&self) -> &str {
        self.0.name
    }

    async fn measure(&self) -> Vec<f64> {
        let url = url(shared(), "bench");
        let pool = self.0.open(&url, &entra(shared()), CONNECTS + 1).await;
        // What the pool has opened already.
        let mut held = vec![pool.acquire().await.expect(self.0.name)];
        let mut times = Vec::new();
        for _ in 0..CONNECTS {
            let begun = Instant::now();
            held.push(pool.acquire().await.expect(self.0.name));
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        drop(held);
        pool.close().await;
        times
    }
}
