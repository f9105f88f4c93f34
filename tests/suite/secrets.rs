//! No secret is ever said: not in a log at TRACE of any crate, not in an error, not in a `Debug` output.

use std::{collections::HashMap, process::Stdio, time::Duration};

use entra_pg_emulator::{CredentialSource, Emulator, Fault};
use tokio::process::Command;

/// Every JSON Web Token begins with the base64 of `{"`, and its own base64 with that of `eyJ`.
const TOKEN: &str = "eyJ";
const TOKEN_IN_BASE64: &str = "ZXlK";

async fn all_that_is_said(
    emulator: &Emulator,
    source: CredentialSource,
    change: &[(&str, &str)],
) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-pg-chatterbox"));
    for name in emulator.removed_environment(source) {
        command.env_remove(name);
    }
    let output = command
        .envs(emulator.environment(source))
        .envs(change.iter().copied())
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(120), output)
        .await
        .expect("ends")
        .expect("starts");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The secrets of an environment, raw and in base64. (Percent-encoding changes none of their characters.)
fn secrets(emulator: &Emulator, source: CredentialSource) -> Vec<(String, String)> {
    let environment: HashMap<_, _> = emulator.environment(source).into_iter().collect();
    let mut secrets = vec![
        ("a token".to_owned(), TOKEN.to_owned()),
        ("a token in base64".to_owned(), TOKEN_IN_BASE64.to_owned()),
    ];
    for name in ["IDENTITY_HEADER", "AZURE_CLIENT_SECRET"] {
        if let Some(value) = environment.get(name) {
            secrets.push((name.to_owned(), value.clone()));
            secrets.push((
                format!("{name} in base64"),
                base64::Engine::encode(&base64::prelude::BASE64_STANDARD, value),
            ));
        }
    }
    secrets
}

fn search(said: &str, emulator: &Emulator, source: CredentialSource, during: &str) {
    for (what, secret) in secrets(emulator, source) {
        let line = said.lines().find(|line| line.contains(&secret));
        assert!(
            line.is_none(),
            "{what} was said during {during}:\n{}",
            line.unwrap_or_default()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_says_no_secret_whatever_the_credential() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    for source in [
        CredentialSource::ManagedIdentity,
        CredentialSource::WorkloadIdentity,
        CredentialSource::ClientSecret,
    ] {
        let said = all_that_is_said(&emulator, source, &[]).await;
        assert!(said.contains("\ndone"), "{source:?}: {said}");
        assert!(said.contains("TRACE"), "every crate's logs are on");
        search(&said, &emulator, source, &format!("{source:?}"));
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_no_secret_whatever_fails() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let source = CredentialSource::ManagedIdentity;
    let url = emulator.url();
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let nobody = emulator.url_for("nobody");
    for (during, fault, change) in [
        ("a 400", Some(Fault::BadRequest), None),
        ("a 500", Some(Fault::InternalServerError), None),
        ("garbage", Some(Fault::Garbage), None),
        ("a token without expiry", Some(Fault::NoExpiry), None),
        ("a reset", Some(Fault::Reset), None),
        ("another host name", None, Some(elsewhere.as_str())),
        ("an unknown role", None, Some(nobody.as_str())),
    ] {
        emulator.control().set_fault(fault);
        let change: Vec<_> = change
            .map(|url| ("DATABASE_URL", url))
            .into_iter()
            .collect();
        let said = all_that_is_said(&emulator, source, &change).await;
        assert!(said.contains("failed: "), "{during}: nothing failed");
        search(&said, &emulator, source, during);
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_the_url_is_not_repeated() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let url = emulator.url().replace("app@", "app:hunter2hunter2@");
    let said = all_that_is_said(
        &emulator,
        CredentialSource::ManagedIdentity,
        &[("DATABASE_URL", &url)],
    )
    .await;
    assert!(said.contains("the URL holds a password"));
    assert!(!said.contains("hunter2"));
    emulator.stop().await.expect("stops");
}
