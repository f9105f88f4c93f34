//! The path that every connect takes: a token that is still fresh.

use std::{hint::black_box, sync::Barrier, thread, time::Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use entra_pg_core::{Scope, TokenCache};
use entra_pg_tests::{
    fixtures::{credential, entra, shared},
    pasted::PATIENCE,
};
use futures::FutureExt;

use crate::section::{Goal, Limit, Section, Subject, Unit};

const TIMES: u32 = 200_000;
const SWAP: &str = "an ArcSwap, loaded";
const AZURE: &str = "azure_identity's cache";
const OURS: &str = "our cache";
const TWO_CLOCKS: &str = "two clocks are read, too, to see that it is fresh";

pub async fn alone() -> Section {
    Section {
        title: "A fresh token",
        about: "What a connect pays for a token that is still fresh, on one thread.",
        unit: Unit::Nanoseconds,
        percentiles: &[50],
        subjects: subjects(1).await,
        baseline_of: |_| AZURE,
        goals: vec![Goal {
            subject: OURS,
            limit: Limit::AtMost(1.0 / 8.0),
            reason: TWO_CLOCKS,
        }],
    }
}

pub async fn on_two_threads() -> Section {
    Section {
        title: "A fresh token, on two threads at once",
        about: "The same while another thread does it, too: all share the count of references to the token.",
        unit: Unit::Nanoseconds,
        percentiles: &[50],
        subjects: subjects(2).await,
        baseline_of: |_| SWAP,
        goals: vec![Goal {
            subject: OURS,
            limit: Limit::AtMost(1.5),
            reason: TWO_CLOCKS,
        }],
    }
}

async fn subjects(threads: usize) -> Vec<Box<dyn Subject>> {
    let swap = ArcSwap::from_pointee(String::from("a token"));
    let tokens = entra(shared()).token_cache(&Scope::for_host("localhost"));
    let azure = credential(shared());
    let scope = tokens.scope().clone();
    // What follows runs outside of the runtime, where nothing can be requested.
    tokens.get(PATIENCE).await.expect("a token");
    let token = azure.get_token(&[scope.as_str()], None).await;
    token.expect("a token");
    vec![
        Box::new(Repeated {
            name: AZURE,
            threads,
            once: move || {
                let token = azure.get_token(&[scope.as_str()], None).now_or_never();
                black_box(token.expect("at once").expect("it is fresh"));
            },
        }),
        Box::new(Repeated {
            name: SWAP,
            threads,
            once: move || {
                black_box(swap.load_full());
            },
        }),
        Box::new(Repeated {
            name: OURS,
            threads,
            once: move || fresh(&tokens),
        }),
    ]
}

fn fresh(tokens: &TokenCache) {
    let token = tokens.get(PATIENCE).now_or_never();
    black_box(token.expect("at once").expect("it is fresh"));
}

struct Repeated<F> {
    name: &'static str,
    threads: usize,
    once: F,
}

#[async_trait]
impl<F: Fn() + Send + Sync> Subject for Repeated<F> {
    fn name(&self) -> &str {
        self.name
    }

    async fn measure(&self) -> Vec<f64> {
        let start = Barrier::new(self.threads);
        let run = || {
            start.wait();
            let begun = Instant::now();
            for _ in 0..TIMES {
                (self.once)();
            }
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(run)).collect();
            let ended = threads.into_iter().map(|thread| thread.join());
            ended.map(|value| value.expect("no panic")).collect()
        })
    }
}
