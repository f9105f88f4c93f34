//! The path that every connect takes: a token that is still fresh.

use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use azure_core::credentials::TokenCredential;
use criterion::Criterion;
use entra_pg_core::{Scope, TokenCache};
use entra_pg_tests::{
    fixtures::{credential, entra, shared},
    pasted::{self, BASELINE, PATIENCE},
};
use futures::FutureExt;
use tokio::runtime::Runtime;

const SWAP: &str = "an ArcSwap, loaded";
const CACHE: &str = "from the cache, fresh";

pub fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    let pasted: Arc<str> = runtime.block_on(pasted::token(shared())).into();
    let swap = ArcSwap::from_pointee(Arc::clone(&pasted));
    let tokens = entra(shared()).token_cache(&Scope::for_host("localhost"));
    runtime.block_on(tokens.get(PATIENCE)).expect("a token");

    let mut group = criterion.benchmark_group("get a token");
    group.bench_function(BASELINE, |b| b.iter(|| black_box(Arc::clone(&pasted))));
    group.bench_function(SWAP, |b| b.iter(|| black_box(swap.load_full())));
    group.bench_function(CACHE, |b| b.iter(|| black_box(fresh(&tokens))));
    let credential = credential(shared());
    let scope = tokens.scope().as_str();
    group.bench_function("from azure_identity's cache", |b| {
        b.to_async(runtime).iter(async || {
            let token = credential.get_token(&[scope], None).await;
            token.expect("a token")
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("get a token, on two threads at once");
    group.bench_function(BASELINE, |b| {
        b.iter_custom(|times| on_two_threads(times, || Arc::clone(&pasted)));
    });
    group.bench_function(SWAP, |b| {
        b.iter_custom(|times| on_two_threads(times, || swap.load_full()));
    });
    group.bench_function(CACHE, |b| {
        b.iter_custom(|times| on_two_threads(times, || fresh(&tokens)));
    });
    group.finish();
}

fn fresh(tokens: &TokenCache) -> entra_pg_core::Token {
    let token = tokens.get(PATIENCE).now_or_never();
    token.expect("at once").expect("it is fresh")
}

/// How long both take for so many each.
fn on_two_threads<T>(times: u64, operation: impl Fn() -> T + Sync) -> Duration {
    let start = Barrier::new(2);
    let run = || {
        start.wait();
        let begun = Instant::now();
        for _ in 0..times {
            black_box(operation());
        }
        begun.elapsed()
    };
    thread::scope(|scope| {
        let other = scope.spawn(run);
        run().max(other.join().expect("no panic"))
    })
}
