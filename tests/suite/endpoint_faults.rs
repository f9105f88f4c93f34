//! A token endpoint that misbehaves gives one clear error, in time, and before the database is contacted.

use std::time::Duration;

use entra_pg_core::{Entra, ErrorKind, Scope, TokenCache};
use entra_pg_emulator::{CredentialSource, Emulator, Fault};
use entra_pg_tests::token_endpoint::{Misbehaviour, TokenEndpoint, WORDS};
use rstest::rstest;
use tokio::time::Instant;

use crate::{
    adapters::{ALL, NamedAdapter},
    capture::capture,
    fixtures::{credential, no_second_request, shared, target, url},
    probe::probe,
};

const RETRY: Fault = Fault::TooManyRequests {
    retry_after: Duration::from_secs(60),
};

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_endpoint_names_its_cause_and_cure() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let (port, captured) = capture(emulator.port()).await;
    let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=3");
    for (fault, parts) in [
        (Fault::BadRequest, ["HTTP 400", "assign the identity"]),
        (Fault::InternalServerError, ["500", "retried"]),
        (Fault::ServiceUnavailable, ["503", "retried"]),
        (RETRY, ["429", "token endpoint"]),
        (Fault::Html, ["no token", "another service or a proxy"]),
        (Fault::Garbage, ["no token", "another service or a proxy"]),
        (
            Fault::EmptyToken,
            ["an empty token", "the endpoint has a bug"],
        ),
        (
            Fault::NoExpiry,
            ["expires_on", "must give expires_on or expires_in"],
        ),
        (Fault::Hang, ["within 3 s", "can be reached"]),
        (Fault::Reset, ["msi/token", "can be reached"]),
    ] {
        emulator.control().set_fault(Some(fault));
        let change = [("DATABASE_URL", url.as_str())];
        let outcome = probe(&emulator, CredentialSource::ManagedIdentity, &change, &[]).await;
        assert!(!outcome.success, "{fault:?}");
        assert!(
            outcome.stderr.starts_with("token failed: "),
            "{fault:?}: {}",
            outcome.stderr
        );
        for part in parts {
            assert!(
                outcome.stderr.contains(part),
                "{fault:?}: {part:?} is missing in {}",
                outcome.stderr
            );
        }
        assert!(
            outcome.took < Duration::from_secs(30),
            "{fault:?} took {:?}",
            outcome.took
        );
    }
    assert!(
        captured.bytes().is_empty(),
        "the database was not contacted"
    );
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_at_start_gives_its_own_error_in_every_adapter() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    emulator.control().set_fault(Some(Fault::BadRequest));
    for NamedAdapter { name, adapter, .. } in ALL {
        let entra = Entra::new(credential(&emulator));
        let opened = adapter
            .open(&url(&emulator, "down"), target(&emulator, "down"), &entra)
            .await;
        let error = opened.map(drop).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::TokenRequest, "{name}: {error}");
        assert!(error.to_string().contains("HTTP 400"), "{name}: {error}");
    }
    emulator.stop().await.expect("stops");
}

/// Of a caller. One that waits for the endpoint's sake takes as long.
const DEADLINE: Duration = Duration::from_secs(40);

fn tokens(entra: &Entra) -> TokenCache {
    entra.token_cache(&Scope::for_host("localhost"))
}

#[rstest]
#[case::seconds("Retry-After: 3600")]
#[case::more_seconds_than_a_number_holds("Retry-After: 99999999999999999999999")]
#[case::a_date("Retry-After: Fri, 01 Jan 2100 00:00:00 GMT")]
#[case::milliseconds("retry-after-ms: 3600000")]
#[case::microsofts_milliseconds("x-ms-retry-after-ms: 3600000")]
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_asks_for_patience_stalls_no_caller(
    #[values(CredentialSource::ManagedIdentity, CredentialSource::Imds)] source: CredentialSource,
    #[values(429, 503)] status: u16,
    #[case] header: &str,
) {
    let endpoint = TokenEndpoint::misbehaving(shared(), [Misbehaviour::status(status, &[header])]);
    let tokens = tokens(&endpoint.entra_with(shared(), source, no_second_request()));
    let begun = Instant::now();
    let error = tokens.get(DEADLINE).await.expect_err("no token");
    assert!(begun.elapsed() < DEADLINE / 2, "{:?}", begun.elapsed());
    for part in [&format!("HTTP {status}"), WORDS, "retried"] {
        assert!(
            error.to_string().contains(part),
            "{part:?} is missing in {error}"
        );
    }
    assert_eq!(endpoint.connections(), 1, "the SDK retries nothing");
}

#[rstest]
#[case::negative("Retry-After: -1")]
#[case::a_date_in_the_past("Retry-After: Fri, 01 Jan 2021 00:00:00 GMT")]
#[case::negative_milliseconds("x-ms-retry-after-ms: -99999999999999999999")]
#[case::no_time("Retry-After: soon")]
#[tokio::test(flavor = "multi_thread")]
async fn a_header_without_a_meaning_is_passed_over(
    #[values(CredentialSource::ManagedIdentity, CredentialSource::Imds)] source: CredentialSource,
    #[case] header: &str,
) {
    let throttled = Misbehaviour::status(429, &[header]);
    let endpoint = TokenEndpoint::misbehaving(shared(), [throttled]);
    let tokens = tokens(&endpoint.entra_with(shared(), source, no_second_request()));
    tokens.get(DEADLINE).await.expect("a token");
    assert_eq!(endpoint.connections(), 2);
}

#[rstest]
#[case(CredentialSource::ClientSecret)]
#[case(CredentialSource::WorkloadIdentity)]
#[case(CredentialSource::ManagedIdentity)]
#[case(CredentialSource::Imds)]
#[tokio::test(flavor = "multi_thread")]
async fn one_call_of_the_cache_is_one_request_to_the_endpoint(#[case] source: CredentialSource) {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let control = emulator.control();
    for (fault, status) in [
        (RETRY, Some("HTTP 429")),
        (Fault::ServiceUnavailable, Some("HTTP 503")),
        (Fault::InternalServerError, Some("HTTP 500")),
        (Fault::Reset, None),
    ] {
        control.set_fault(Some(fault));
        let before = control.token_requests();
        let entra = Entra::from_vars(emulator.environment(source)).expect("a credential");
        let tokens = tokens(&entra);
        let mut updates = tokens.subscribe();
        assert!(tokens.cached().is_none());
        assert!(updates.changed().await);
        assert_eq!(control.token_requests() - before, 1, "{fault:?}");
        let error = tokens.status().last_error.expect("it has failed");
        assert!(error.is_transient(), "{error}");
        if let Some(status) = status {
            assert!(error.to_string().contains(status), "{error}");
        }
    }
    emulator.stop().await.expect("stops");
}
