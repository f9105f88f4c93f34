//! The library in process: settings, counters, and PostgreSQL without TLS, for `tokio-postgres` without a TLS connector.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use entra_pg_emulator::{Control, Emulator, Error, Fault, Identity, IdentityKind, TokenSpec};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use crate::command::http;

const AUDIENCE: &str = "https://ossrdbms-aad.database.windows.net";

/// The response of the App Service endpoint.
fn request_token(emulator: &Emulator, more: &str) -> String {
    let head = format!(
        "GET /msi/token?api-version=2019-08-01&resource={AUDIENCE}{more} HTTP/1.0\r\nX-IDENTITY-HEADER: {}",
        emulator.identity_header()
    );
    http(&emulator.control_url(), &head, "")
}

fn token(emulator: &Emulator) -> (String, i64) {
    let answer = request_token(emulator, "");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let expires_on = body["expires_on"].as_str().unwrap().parse().unwrap();
    (
        body["access_token"].as_str().unwrap().to_owned(),
        expires_on,
    )
}

async fn connect(emulator: &Emulator, password: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config: tokio_postgres::Config = emulator.url().parse().unwrap();
    let (client, connection) = config.password(password).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn now() -> i64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
        .try_into()
        .unwrap()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_fault_is_seen_by_clients_and_counted() {
    let emulator = Emulator::start().await.unwrap();
    let control = emulator.control();
    for (fault, expected) in [
        (Fault::BadRequest, " 400 Bad Request"),
        (Fault::InternalServerError, " 500 "),
        (Fault::ServiceUnavailable, " 503 "),
        (
            Fault::TooManyRequests {
                retry_after: Duration::from_secs(30),
            },
            "retry-after: 30",
        ),
        (Fault::Html, "<html>"),
        (Fault::EmptyToken, r#""access_token":"""#),
        (Fault::Garbage, r#"{"access_token": ey"#),
        (Fault::Reset, "ConnectionReset"),
        (Fault::Hang, "WouldBlock"),
    ] {
        control.set_fault(Some(fault));
        let answer = request_token(&emulator, "");
        assert!(answer.contains(expected), "{fault}: {answer}");
    }
    control.set_fault(Some(Fault::NoExpiry));
    assert!(!request_token(&emulator, "").contains("expires"));
    control.set_fault(None);
    assert!(request_token(&emulator, "").contains(" 200 OK"));
    assert_eq!(control.token_requests(), 11);

    assert!(
        request_token(&emulator, "&client_id=00000000-0000-0000-0000-000000000000")
            .contains(" 400 "),
        "unknown identity"
    );
    let stranger = http(
        &emulator.control_url(),
        "GET /msi/token?resource=x HTTP/1.0\r\nX-IDENTITY-HEADER: guess",
        "",
    );
    assert!(stranger.contains(" 403 "), "{stranger}");
    let imds = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x HTTP/1.0";
    assert!(
        http(&emulator.control_url(), &format!("GET {imds}"), "").contains(" 400 "),
        "no Metadata header"
    );
    for prefix in ["", "http://169.254.169.254"] {
        let answer = http(
            &emulator.control_url(),
            &format!("GET {prefix}{imds}\r\nMetadata: true"),
            "",
        );
        assert!(
            answer.contains(" 200 OK") && answer.contains("\"expires_in\":\""),
            "{answer}"
        );
    }
    let elsewhere = http(
        &emulator.control_url(),
        "GET http://example.org/metadata/x HTTP/1.0",
        "",
    );
    assert!(elsewhere.contains(" 403 "), "{elsewhere}");
}

#[tokio::test]
async fn settings_change_the_tokens() {
    let emulator = Emulator::builder()
        .token_lifetime(Duration::from_secs(600))
        .start()
        .await
        .unwrap();
    let control = emulator.control();
    let lives = |expires_on: i64, seconds: i64| (expires_on - now() - seconds).abs() <= 2;

    let (first, expires_on) = token(&emulator);
    assert!(lives(expires_on, 600));
    assert_ne!(token(&emulator).0, first, "every token is distinct");
    control.set_repeat_tokens(true);
    assert_eq!(token(&emulator), token(&emulator));
    assert_eq!(control.tokens_issued(), 2);
    control.set_repeat_tokens(false);
    control.set_token_lifetime(Duration::from_secs(5));
    assert!(lives(token(&emulator).1, 5));
    control.set_clock_skew(-100);
    assert!(lives(token(&emulator).1, -95));
    control.set_clock_skew(0);
    control.set_latency(Duration::from_millis(300));
    let start = std::time::Instant::now();
    token(&emulator);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn connections_can_be_counted_and_terminated_and_data_survives_a_restart() {
    let alice = Identity::new("alice@contoso.com", IdentityKind::User);
    let emulator = Emulator::builder()
        .identity(alice)
        .without_tls()
        .start()
        .await
        .unwrap();
    let control = emulator.control();
    let password = || {
        control
            .mint(TokenSpec::new("alice@contoso.com"))
            .expect("a token")
    };
    let client = connect(&emulator, &password()).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE t (x int); INSERT INTO t VALUES (1), (NULL); CREATE SCHEMA mine",
        )
        .await
        .unwrap();
    assert_eq!(
        control.execute("SELECT x, 'a' FROM t").await.unwrap(),
        "1|a\n|a"
    );
    assert_eq!(control.connections().await.unwrap(), 1);

    control.terminate_connections().await.unwrap();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert_eq!(control.connections().await.unwrap(), 0);

    let port = emulator.port();
    control.restart_postgres().await.unwrap();
    assert_eq!(emulator.port(), port);
    let client = connect(&emulator, &password()).await.unwrap();
    assert_eq!(
        client
            .query_one("SELECT count(*) FROM t", &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        2
    );

    let signed_by_the_old_key = password();
    control.rotate_keys().await.unwrap();
    assert!(
        connect(&emulator, &signed_by_the_old_key).await.is_err(),
        "the key was rotated"
    );
    control.set_login_latency(Duration::from_millis(300));
    let start = std::time::Instant::now();
    connect(&emulator, &password()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    control.set_login_latency(Duration::ZERO);

    for bad in [
        TokenSpec::new("alice@contoso.com").expired(),
        TokenSpec::new("alice@contoso.com").valid_after(60),
        TokenSpec::new("stranger"),
    ] {
        assert!(
            connect(&emulator, &control.mint(bad).expect("a token"))
                .await
                .is_err()
        );
    }
    assert_eq!(
        (control.logins().accepted, control.logins().rejected),
        (3, 4)
    );

    let (control, directory) = (control.clone(), emulator.directory().to_owned());
    emulator.stop().await.unwrap();
    assert!(!directory.exists());
    assert!(matches!(control.connections().await, Err(Error::Stopped)));
}

#[tokio::test]
async fn neither_logs_nor_debug_output_show_a_token_or_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let emulator = Emulator::builder().without_tls().start().await.unwrap();
    let (token, _) = token(&emulator);
    connect(&emulator, &token).await.unwrap();
    let bad = emulator
        .control()
        .mint(TokenSpec::new("app").expired())
        .expect("a token");
    connect(&emulator, &bad).await.unwrap_err();
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(
        logged.contains("login rejected: token expired"),
        "the log is on"
    );
    let shown = format!("{emulator:?} {:?}", emulator.control());
    for secret in [&token, &bad, emulator.identity_header()] {
        // The signature is what makes it a secret; logs of bytes as numbers would show it as such.
        let end = &secret[secret.len() - 20..];
        let bytes = end
            .bytes()
            .map(|byte| byte.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        for text in [&logged, &shown] {
            assert!(!text.contains(end) && !text.contains(&bytes));
        }
    }
}

#[test]
fn an_emulator_outlives_the_runtime_it_was_started_on() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let emulator = runtime().block_on(Emulator::builder().start()).unwrap();
    let directory = emulator.directory().to_owned();
    let is_sync = |_: &Control| {};
    is_sync(emulator.control());
    assert_eq!(
        runtime()
            .block_on(emulator.control().execute("SELECT 1"))
            .unwrap(),
        "1"
    );
    runtime().block_on(async { drop(emulator) });
    assert!(!directory.exists());
}
