//! A token endpoint that misbehaves gives one clear error, in time, and before the database is contacted.

use std::time::Duration;

use entra_pg_core::{Entra, ErrorKind};
use entra_pg_emulator::{CredentialSource, Emulator, Fault};

use crate::{
    adapters::{ALL, NamedAdapter},
    capture::capture,
    fixtures::{credential, target, url},
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
            ["expires_on", "another service or a proxy"],
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
