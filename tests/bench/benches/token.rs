//! The path that every connect takes: a token that is still fresh.

use std::{hint::black_box, sync::Arc};

use criterion::Criterion;
use entra_pg_core::Scope;
use entra_pg_tests::fixtures::{entra, shared};
use tokio::runtime::Runtime;

use crate::pasted::{self, BASELINE, PATIENCE};

pub fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    let pasted: Arc<str> = runtime.block_on(pasted::token(shared())).into();
    let tokens = entra(shared()).token_cache(&Scope::for_host("localhost"));
    let mut group = criterion.benchmark_group("get a token");
    group.bench_function(BASELINE, |b| b.iter(|| black_box(Arc::clone(&pasted))));
    group.bench_function("from the cache, fresh", |b| {
        b.to_async(runtime)
            .iter(async || tokens.get(PATIENCE).await.expect("a token"));
    });
    group.finish();
}
