//! The path that every connect takes: a token that is still fresh.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use criterion::Criterion;
use entra_pg_core::{Entra, Scope};
use tokio::runtime::Runtime;

use crate::pasted::BASELINE;

/// As long as a managed identity's token is.
const LENGTH: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct ADay;

#[async_trait]
impl TokenCredential for ADay {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = SystemTime::now() + Duration::from_secs(86_400);
        Ok(AccessToken::new(
            Secret::new("x".repeat(LENGTH)),
            expires_on.into(),
        ))
    }
}

pub fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    let pasted: Arc<str> = "x".repeat(LENGTH).into();
    let tokens = Entra::new(Arc::new(ADay)).tokens(&Scope::for_host("localhost"));
    let mut group = criterion.benchmark_group("get a token");
    group.bench_function(BASELINE, |b| b.iter(|| black_box(Arc::clone(&pasted))));
    group.bench_function("from the cache, fresh", |b| {
        b.to_async(runtime)
            .iter(async || tokens.get(PATIENCE).await.expect("a token"));
    });
    group.finish();
}
