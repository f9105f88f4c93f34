// Included by the examples in the documentation: an `Entra` whose tokens need no endpoint.

/// Hands out a new token of an hour for each request.
#[derive(Debug, Default)]
struct Example(std::sync::atomic::AtomicU32);

#[async_trait::async_trait]
impl entra_pg_core::azure_core::credentials::TokenCredential for Example {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<entra_pg_core::azure_core::credentials::TokenRequestOptions<'_>>,
    ) -> entra_pg_core::azure_core::Result<entra_pg_core::azure_core::credentials::AccessToken> {
        use entra_pg_core::azure_core::{
            credentials::{AccessToken, Secret},
            time::{Duration, OffsetDateTime},
        };
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // {"upn":"alice@contoso.com"}
        let token = format!("e30.eyJ1cG4iOiJhbGljZUBjb250b3NvLmNvbSJ9.{number}");
        let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(Secret::new(token), expires_on))
    }
}

fn entra() -> entra_pg_core::Entra {
    entra_pg_core::Entra::new(std::sync::Arc::new(Example::default()))
}

/// Runs an example with a cache.
#[allow(dead_code)]
#[tokio::main(flavor = "current_thread")]
async fn example(
    run: impl AsyncFnOnce(entra_pg_core::TokenCache) -> Result<(), entra_pg_core::Error>,
) {
    let scope = entra_pg_core::Scope::for_host("localhost");
    run(entra().token_cache(&scope)).await.unwrap();
}
