//! See [`crate::fuzzing`].

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{Claims, Clock, RefreshPolicy, TokenCache};
use crate::{ErrorKind, Scope, credential::Credential};

/// What a token says, both for a token as it is and for a payload of one.
pub fn claims(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check_role(&Claims::read(&text));

    let claims = Claims::read(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(data)));
    check_role(&claims);
    let Ok(Value::Object(payload)) = serde_json::from_slice(data) else {
        assert_eq!(claims, Claims::default());
        return;
    };
    // Each on its own: a claim of another type hides no other.
    let read = [
        ("aud", &claims.audience),
        ("tid", &claims.tenant_id),
        ("oid", &claims.object_id),
        ("upn", &claims.upn),
        ("preferred_username", &claims.preferred_username),
        ("unique_name", &claims.unique_name),
        ("xms_mirid", &claims.managed_identity_resource_id),
    ];
    for (name, claim) in read {
        let text = payload.get(name).and_then(Value::as_str);
        assert_eq!(
            claim.as_deref(),
            text.filter(|text| !text.is_empty()),
            "{name}"
        );
    }
}

fn check_role(claims: &Claims) {
    let Some(role) = claims.role_name() else {
        return;
    };
    let named = [&claims.upn, &claims.preferred_username, &claims.unique_name];
    let resource = claims
        .managed_identity_resource_id
        .as_deref()
        .unwrap_or_default();
    assert!(!role.is_empty());
    assert!(named.iter().any(|name| name.as_deref() == Some(role)) || resource.ends_with(role));
}

/// What an endpoint hands out, one line an answer: `SECONDS SECRET`, how long it lives (perhaps not any more), and what it
/// is. A line without a number is a failure.
pub fn arrivals(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let endpoint = Arc::new(Endpoint::default());
        let (time, credential) = (Arc::clone(&endpoint), Arc::clone(&endpoint));
        let cache = TokenCache::new(
            Credential::provided(credential),
            Scope::for_host("localhost"),
            RefreshPolicy::default(),
            Clock::new(move || time.now()),
        );
        for line in text.lines().take(50) {
            endpoint.answer(line).await;
            check_arrival(&cache, &endpoint).await;
        }
    });
}

async fn check_arrival(cache: &TokenCache, endpoint: &Endpoint) {
    let before = cache.cached().map(|token| token.generation());
    match cache.get(Duration::from_secs(15)).await {
        Ok(token) => {
            assert!(
                !token.secret().trim().is_empty(),
                "an empty token was published"
            );
            assert!(
                token.expires_on() > endpoint.now(),
                "a dead token was handed out"
            );
            assert!(Some(token.generation()) >= before, "a generation went back");
            assert!(
                !format!("{cache:?} {token:?}").contains(token.secret())
                    || token.secret().len() < 20
            );
        }
        Err(error) => {
            assert_eq!(before, None, "a living token was withheld: {error}");
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::TokenRequest | ErrorKind::UnusableToken),
                "{error}"
            );
        }
    }
}

/// An endpoint that answers with one line, and time that passes between two of them.
#[derive(Debug, Default)]
struct Endpoint(Mutex<(Duration, String)>);

impl Endpoint {
    async fn answer(&self, line: &str) {
        // So that the request before has ended.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += Duration::from_secs(60);
        line.clone_into(&mut state.1);
    }

    fn now(&self) -> SystemTime {
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner).0;
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + passed
    }
}

#[async_trait::async_trait]
impl TokenCredential for Endpoint {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let now = azure_core::time::OffsetDateTime::from(self.now());
        let line = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clone();
        let (seconds, secret) = line.split_once(' ').unwrap_or((&line, ""));
        let expires_on = seconds
            .parse()
            .ok()
            .and_then(|seconds: i64| now.checked_add(azure_core::time::Duration::seconds(seconds)));
        match expires_on {
            Some(expires_on) => Ok(AccessToken::new(Secret::new(secret.to_owned()), expires_on)),
            None => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Io,
                line,
            )),
        }
    }
}
