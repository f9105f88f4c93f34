//! Logs, traces and metrics are those that `docs/observability.md` lists, for every adapter, when things go well and when
//! they do not.
//!
//! Subscriber and recorder belong to this test's thread, and everything runs on it but the emulator.

use std::{collections::BTreeSet, fs, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind as AzureKind,
};
use entra_pg_core::{Entra, Error, Scope, Target};
use entra_pg_emulator::{Emulator, Fault};
use entra_pg_proxy::Proxy;
use entra_pg_sqlx::sqlx::postgres::PgPoolOptions;
use futures::future::join_all;
use metrics_util::debugging::DebuggingRecorder;
use tokio::{net::TcpListener, runtime::Runtime, time::timeout};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    adapters::{Adapter, named},
    fixtures::{credential, eventually, target, url},
    proxy::{raw::Raw, servers::quoting_server},
    telemetry::{EventCapture, Meters},
};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/observability.md");

// --------------------------------------------------------------------------------------------------------- what is listed

/// The rows of the table that begins with this heading, without markup.
fn table(heading: &str) -> BTreeSet<Vec<String>> {
    let guide = fs::read_to_string(GUIDE).expect("the guide");
    let rows = guide.lines().skip_while(|line| *line != heading).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells = row.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().replace('`', "")).collect()
        })
        .collect()
}

/// Name, kind, target, level and fields.
fn listed_events() -> BTreeSet<Vec<String>> {
    let rows = table("| name | kind | target | level | fields | when |");
    rows.into_iter().map(|row| row[..5].to_vec()).collect()
}

/// Name, type, unit and labels.
fn listed_metrics() -> BTreeSet<Vec<String>> {
    table("| name | type | unit | labels |")
}

// ------------------------------------------------------------------------------------------------------------ what happens

/// One of each crate; its other pools open connections by the same code. Those of bb8 try again for 20 s when they fail.
fn one_of_each_crate() -> [(&'static str, &'static dyn Adapter); 6] {
    [
        ("sqlx", "sqlx"),
        ("sea-orm", "SeaORM"),
        ("sqlx", "sqlx 0.8"),
        ("sea-orm", "SeaORM 1.1"),
        ("tokio-postgres", "tokio-postgres"),
        ("diesel-async", "diesel-async on deadpool"),
    ]
    .map(|(label, name)| (label, named(name).adapter))
}

#[derive(Debug)]
struct Refusing;

#[async_trait]
impl TokenCredential for Refusing {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Err(azure_core::Error::with_message(AzureKind::Credential, "no"))
    }
}

async fn fails(adapter: &dyn Adapter, entra: &Entra, url: &str) -> Error {
    let target = Target::parse(url).expect("a URL");
    let result = adapter.open(url, target, entra).await;
    result.map(drop).expect_err("cannot work")
}

/// A port without a listener.
async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address").port()
}

async fn each_adapter_succeeds_and_fails(emulator: &Emulator, events: &EventCapture) {
    let entra = Entra::new(credential(emulator));
    let refused = Entra::new(Arc::new(Refusing));
    let good = url(emulator, "observed");
    let nobody = good.replace("app@", "nobody@");
    let impostor = good.replace("localhost", "127.0.0.1");
    let nowhere = good.replace(
        &format!(":{}/", emulator.port()),
        &format!(":{}/", closed_port().await),
    ) + "&connect_timeout=2";
    join_all(one_of_each_crate().map(async |(label, adapter)| {
        let opened = adapter
            .open(&good, target(emulator, "observed"), &entra)
            .await;
        opened.expect(label).close().await;
        for (entra, url, expected) in [
            (&refused, &good, [("token", "token-request")].as_slice()),
            (&entra, &nobody, &[("authentication", "rejected")]),
            (&entra, &impostor, &[("tls", "tls")]),
            (
                &entra,
                &nowhere,
                &[("tcp", "connect"), ("connecting", "connect")],
            ),
        ] {
            let error = fails(adapter, entra, url).await;
            // A driver's task that was given up keeps the span for as long as it takes to end.
            let logged = async || {
                expected.iter().any(|(step, outcome)| {
                    let values = [("adapter", label), ("step", step), ("outcome", outcome)];
                    let status = ("otel.status_code", "ERROR");
                    let span = [values[0], values[1], values[2], status];
                    events.has("connect.failed", &values) && events.has("connect", &span)
                })
            };
            eventually(
                &format!("{label}: {expected:?} is logged for: {error}"),
                logged,
            )
            .await;
        }
    }))
    .await;
}

async fn a_token_is_refused_and_replaced_or_repeated(emulator: &Emulator) {
    let control = emulator.control();
    // The Azure SDK repeats a token by itself until 300 s before its end.
    control.set_token_lifetime(Duration::from_secs(120));
    for repeat in [false, true] {
        let entra = Entra::new(credential(emulator));
        let connector = entra_pg_tokio_postgres::Connector::new(target(emulator, "a"), &entra);
        let connector = connector.expect("a connector");
        drop(connector.connect_and_spawn().await.expect("connects"));
        control.revoke("app").expect("a role");
        control.set_repeat_tokens(repeat);
        assert_eq!(connector.connect_and_spawn().await.is_err(), repeat);
    }
    control.set_repeat_tokens(false);
    control.set_token_lifetime(Duration::from_secs(3600));
}

async fn a_pool_is_rotated_and_connections_are_lost(emulator: &Emulator, events: &EventCapture) {
    let control = emulator.control();
    control.set_token_lifetime(Duration::from_secs(4));
    let entra = Entra::new(credential(emulator));
    let sqlx = named("sqlx").adapter;
    let url = url(emulator, "rotated") + "&sslmode=require";
    let target = Target::parse(&url).expect("a URL");
    let pool = sqlx
        .open(&url, target.clone(), &entra)
        .await
        .expect("connects");
    eventually("rotated", async || events.has("pool.rotated", &[])).await;
    pool.close().await;
    control.set_token_lifetime(Duration::from_secs(3600));
    let client =
        entra_pg_tokio_postgres::connect_and_spawn(target, &Entra::new(credential(emulator))).await;
    control.terminate_connections().await.expect("drops");
    eventually("lost", async || events.has("connection.lost", &[])).await;
    drop(client);
}

async fn a_pool_is_led_elsewhere(emulator: &Emulator, events: &EventCapture) {
    let entra = Entra::new(credential(emulator));
    let pool = entra_pg_sqlx::connect(PgPoolOptions::new(), target(emulator, "led"), &entra)
        .await
        .expect("connects");
    let options = pool.connect_options().as_ref().clone();
    pool.set_connect_options(options.host("evil.example"));
    eventually("logged", async || events.has("pool.not_rotated", &[])).await;
    // They were a copy of the pool's own, with its token.
    assert!(!format!("{:?}", pool.connect_options()).contains("eyJ"));
    pool.close().await;
}

/// Beside its connects, which are reported as any adapter's.
async fn a_proxy_tells_whom_it_does_not_serve(emulator: &Emulator, events: &EventCapture) {
    let entra = Entra::new(credential(emulator));
    let proxy = Proxy::builder(
        entra
            .login_provider(target(emulator, "proxied"))
            .expect("a target"),
    );
    let proxy = proxy.bind_private().expect("listens");
    drop(Raw::ready(proxy.address()).await);
    let mut browser = Raw::begin_with(proxy.address(), b"GET / HTTP/1.1\r\n").await;
    assert_eq!(browser.message().await, None, "it gets no response");
    drop(Raw::connect(proxy.address()).await.expect("connects"));
    eventually("left", async || events.has("proxy.client_left", &[])).await;
    let small = Proxy::builder(
        entra
            .login_provider(target(emulator, "small"))
            .expect("a target"),
    )
    .max_concurrent_logins(1)
    .max_waiting_clients(0)
    .bind_private()
    .expect("listens");
    let mut silent = Raw::connect(small.address()).await.expect("connects");
    let _next = Raw::connect(small.address()).await.expect("connects");
    assert_eq!(silent.message().await, None, "it makes room");
    let port = quoting_server(b'S', false).await;
    let quoting = Target::parse(&format!("postgres://app@localhost:{port}/postgres"))
        .and_then(Target::dangerously_without_tls)
        .and_then(|target| entra.login_provider(target));
    let quoting = Proxy::builder(quoting.expect("a target")).bind_private();
    let quoting = quoting.expect("listens");
    let mut session = Raw::begin(quoting.address(), "app").await;
    while session.message().await.is_some() {}
    eventually("quoted", async || events.has("proxy.token_quoted", &[])).await;
    let nowhere = format!("postgres://nobody@localhost:{}/db", closed_port().await);
    let nowhere = Proxy::builder(entra.login_provider(nowhere.as_str()).expect("a target"));
    let nowhere = nowhere.bind_private().expect("listens");
    let cancel = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2];
    let answer = Raw::begin_with(nowhere.address(), &cancel)
        .await
        .message()
        .await;
    assert_eq!(answer, None, "a cancel request gets no response");
    Raw::begin(nowhere.address(), "nobody").await.error().await;
    for (step, outcome) in [("ready", "ready"), ("tcp", "connect")] {
        let values = [("adapter", "proxy"), ("step", step), ("outcome", outcome)];
        eventually(outcome, async || events.has("connect", &values)).await;
    }
}

async fn a_connect_is_cancelled(emulator: &Emulator) {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = silent.local_addr().expect("an address").port();
    let entra = Entra::new(credential(emulator));
    let url = format!("postgres://app@localhost:{port}/postgres");
    let connect = entra_pg_tokio_postgres::connect_and_spawn(url, &entra);
    tokio::select! {
        _ = connect => panic!("a silent server accepts no login"),
        dialled = silent.accept() => drop(dialled.expect("it is dialled")),
    }
}

fn only_failed_spans_have_an_error_status(events: &EventCapture) {
    let status = ("otel.status_code", "ERROR");
    for (span, outcome, failed) in [
        ("connect", "connect", true),
        ("connect", "ready", false),
        ("connect", "cancelled", false),
        ("token.request", "token-request", true),
        ("token.request", "new", false),
    ] {
        let outcome = ("outcome", outcome);
        assert!(events.has(span, &[outcome]), "{span}: {outcome:?}");
        assert_eq!(
            events.has(span, &[outcome, status]),
            failed,
            "{span}: {outcome:?}"
        );
    }
}

fn here() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Its runtime goes away while a request is under way.
fn a_request_is_lost(emulator: &Emulator) {
    emulator.control().set_fault(Some(Fault::Hang));
    let entra = Entra::new(credential(emulator));
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let patience = Duration::from_millis(100);
    here().block_on(async { tokens.get(patience).await.expect_err("it hangs") });
    emulator.control().set_fault(None);
}

/// The scope of a server whose name says nothing about it.
fn a_scope_is_assumed(emulator: &Emulator, events: &EventCapture) {
    let entra = Entra::new(credential(emulator));
    let names = ["shop.1a2b.westus3.horizondb.azure.com", "db.contoso.com"];
    for host in names
        .into_iter()
        .chain(names)
        .chain(["localhost", "10.0.0.4", "db"])
    {
        let url = format!("postgres://app@{host}/shop");
        entra.login_provider(url).expect("a target");
    }
    let scope = Scope::new("https://token.example").expect("a scope");
    let target = Target::parse("postgres://app@own.horizondb.azure.com/shop").expect("a URL");
    entra
        .login_provider(target.with_scope(scope))
        .expect("a target");
    let captured = events.captured();
    let assumed = captured.iter().filter(|event| {
        let name = event.row[0].as_str();
        ["target.scope_assumed", "target.suffix_unknown"].contains(&name)
    });
    assert_eq!(assumed.count(), 2, "one for each name");
    let host = |host| [("host", host)];
    assert!(events.has("target.suffix_unknown", &host(names[0])));
    assert!(events.has("target.scope_assumed", &host(names[1])));
}

async fn a_fresh_token_says_nothing(
    emulator: &Emulator,
    events: &EventCapture,
    meters: &mut Meters,
) {
    let entra = Entra::new(credential(emulator));
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let limit = Duration::from_secs(30);
    let first = tokens.get(limit).await.expect("a token").generation();
    meters.reset();
    let before = events.captured().len();
    for _ in 0..100 {
        let token = tokens.get(limit).await.expect("a token");
        assert_eq!(token.generation(), first);
    }
    meters.read();
    assert_eq!(meters.sum("entra_pg_token_requests_total", &[]), 0.0);
    assert_eq!(events.captured().len(), before);
}

// --------------------------------------------------------------------------------------------------------------- the tests

#[test]
fn what_is_said_and_counted_is_what_the_guide_lists() {
    let events = EventCapture::default();
    let _subscriber =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(events.clone()));
    let recorder = DebuggingRecorder::new();
    let mut meters = Meters::of(&recorder);
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let aside = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let emulator = aside.block_on(Emulator::builder().role("app").start());
    let emulator = emulator.expect("starts");

    a_scope_is_assumed(&emulator, &events);
    a_request_is_lost(&emulator);
    here().block_on(async {
        let all = async {
            each_adapter_succeeds_and_fails(&emulator, &events).await;
            a_token_is_refused_and_replaced_or_repeated(&emulator).await;
            a_pool_is_rotated_and_connections_are_lost(&emulator, &events).await;
            a_pool_is_led_elsewhere(&emulator, &events).await;
            a_proxy_tells_whom_it_does_not_serve(&emulator, &events).await;
            a_connect_is_cancelled(&emulator).await;
        };
        timeout(Duration::from_secs(300), all).await.expect("ends");
    });
    meters.read();
    only_failed_spans_have_an_error_status(&events);

    // Only a process without descriptors logs these: `running_out_of_descriptors…` of the command's tests.
    let mut listed = listed_events();
    listed.retain(|row| !row[0].starts_with("proxy.accept_"));
    let captured: BTreeSet<_> = events
        .captured()
        .into_iter()
        .map(|event| event.row)
        .collect();
    assert_eq!(captured, listed);
    assert_eq!(meters.rows, listed_metrics());
    for (adapter, _) in one_of_each_crate() {
        let adapter = ("adapter", adapter);
        for (step, outcome) in [
            ("ready", "ready"),
            ("token", "token-request"),
            ("authentication", "rejected"),
            ("tls", "tls"),
        ] {
            let labels = [adapter, ("step", step), ("outcome", outcome)];
            assert!(
                meters.sum("entra_pg_connects_total", &labels) >= 1.0,
                "{labels:?}"
            );
            assert!(
                meters.sum("entra_pg_connect_duration_seconds", &labels) >= 1.0,
                "{labels:?}"
            );
        }
        let cause = [adapter, ("cause", "rejected")];
        assert!(
            meters.sum("entra_pg_rejections_total", &cause) >= 1.0,
            "{cause:?}"
        );
    }
    for outcome in ["new", "repeated", "token-request", "lost"] {
        let labels = [("outcome", outcome)];
        assert!(
            meters.sum("entra_pg_token_requests_total", &labels) >= 1.0,
            "{outcome}"
        );
        assert!(
            meters.sum("entra_pg_token_request_duration_seconds", &labels) >= 1.0,
            "{outcome}"
        );
    }

    here().block_on(a_fresh_token_says_nothing(&emulator, &events, &mut meters));
    aside.block_on(emulator.stop()).expect("stops");
}

// The health check of the guide begins here.
/// The body and status code of a health check: 503 if no token is valid and the last refresh failed.
fn health(entra: &Entra) -> (u16, String) {
    let mut healthy = true;
    let mut lines = Vec::new();
    for status in entra.status() {
        healthy &= status.is_healthy();
        let credential = status.credential;
        lines.push(match (status.expires_on, status.last_error) {
            (Some(until), None) => format!("{credential}: token valid until {until:?}"),
            (Some(until), Some(error)) => {
                format!("{credential}: valid until {until:?}, but {error}")
            }
            (None, Some(error)) => format!("{credential}: no token: {error}"),
            (None, None) => {
                format!("{credential}: no token yet; the first connect requests one")
            }
        });
    }
    (if healthy { 200 } else { 503 }, lines.join("\n"))
}
// It ends here.

#[tokio::test]
async fn the_health_check_of_the_guide_tells_ill_from_well() {
    let source = include_str!("observability.rs");
    let shown = source.split_once("begins here.\n").expect("a beginning").1;
    let shown = shown.split_once("// It ends here.").expect("an end").0;
    let guide = fs::read_to_string(GUIDE).expect("the guide");
    assert!(guide.contains(shown.trim()), "the guide lacks\n{shown}");

    let entra = Entra::new(Arc::new(Refusing));
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    assert_eq!(health(&entra).0, 200, "nothing was asked for");
    let error = tokens
        .get(Duration::from_secs(5))
        .await
        .expect_err("refused");
    let (code, body) = health(&entra);
    assert!(code == 503 && body.contains(&error.to_string()), "{body}");
    let status = tokens.status();
    assert!(status.last_attempt.is_some() && status.last_refresh.is_none());

    let entra = crate::fixtures::entra(crate::fixtures::shared());
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    tokens.get(Duration::from_secs(30)).await.expect("a token");
    let (code, body) = health(&entra);
    assert!(code == 200 && body.contains("token valid until"), "{body}");
}
