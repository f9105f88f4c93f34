//! A process that starts under load: a hundred connections at once, and no token yet.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use async_trait::async_trait;
use entra_pg_core::Entra;
use entra_pg_tests::{
    adapter_fixture::Requests,
    adapters::{NamedAdapter, named},
    fixtures::{shared, url},
    pasted,
};
use futures::future::join_all;

use crate::{
    peers::Peers,
    section::{Goal, Limit, Section, Subject, Unit},
};

const CONNECTIONS: u32 = 100;

pub fn section(peers: &Peers) -> Section {
    let cold = |adapter| Box::new(Cold::new(adapter)) as Box<dyn Subject>;
    let mut subjects = vec![
        cold(pasted::TOKIO_POSTGRES),
        cold(named("tokio-postgres")),
        cold(pasted::SQLX),
        cold(named("sqlx")),
        cold(named("sqlx per connection")),
        cold(named("SeaORM per connection")),
    ];
    subjects.extend(peers.cold(CONNECTIONS));
    Section {
        title: "A hundred connections from cold",
        about: "Until all of them are open, the first token included. A pasted token is there before.",
        unit: Unit::Milliseconds,
        percentiles: &[50],
        subjects,
        baseline_of: |name| match name {
            "sqlx" => pasted::SQLX.name,
            _ => pasted::TOKIO_POSTGRES.name,
        },
        goals: vec![Goal {
            subject: "tokio-postgres",
            limit: Limit::AtMost(1.05),
            reason: "the first token is in it, which the emulator issues on the same processors",
        }],
    }
}

struct Cold {
    adapter: NamedAdapter,
    /// How many requests for a token the latest round made.
    requests: AtomicU64,
}

impl Cold {
    fn new(adapter: NamedAdapter) -> Self {
        Self {
            adapter,
            requests: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl Subject for Cold {
    fn name(&self) -> &str {
        self.adapter.name
    }

    fn note(&self) -> String {
        match self.requests.load(Relaxed) {
            0 => String::new(),
            1 => "1 token request".to_owned(),
            several => format!("{several} token requests"),
        }
    }

    async fn measure(&self) -> Vec<f64> {
        let requests = Requests::default();
        let entra = Entra::new(requests.credential(shared()));
        let url = url(shared(), "bench");
        let begun = Instant::now();
        let pool = self.adapter.open(&url, &entra, CONNECTIONS).await;
        let held = join_all((0..CONNECTIONS).map(|_| pool.acquire())).await;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        for connection in &held {
            assert!(connection.is_ok(), "{}", self.adapter.name);
        }
        self.requests.store(requests.count(), Relaxed);
        drop(held);
        pool.close().await;
        vec![took]
    }
}
