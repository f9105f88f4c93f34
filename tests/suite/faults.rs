//! Faults in production, each against every adapter that it applies to.

use std::time::{Duration, SystemTime};

use entra_pg_core::{Entra, ErrorKind, Scope, Target};
use entra_pg_emulator::{Emulator, Fault};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use crate::{
    adapters::{ALL, Adapter, Opened, PER_CONNECTION},
    world::{entra, eventually, shared, target, unique, url},
};

const LIFETIME: Duration = Duration::from_secs(16);
/// Left over for the connects of a last round to end before the token does.
const RESERVE: Duration = Duration::from_secs(5);

async fn start(lifetime: Duration) -> Emulator {
    let builder = Emulator::builder().role("app").token_lifetime(lifetime);
    builder.start().await.expect("starts")
}

async fn open(emulator: &Emulator, adapter: &dyn Adapter, entra: &Entra) -> Box<dyn Opened> {
    let name = unique("fault");
    let (url, target) = (url(emulator, &name), target(emulator, &name));
    adapter.open(&url, target, entra).await.expect("connects")
}

/// All adapters, with one cache between them.
async fn open_all(emulator: &Emulator, entra: &Entra) -> Vec<(&'static str, Box<dyn Opened>)> {
    join_all(ALL.map(async |(name, adapter)| (name, open(emulator, adapter, entra).await))).await
}

async fn answers(pool: &dyn Opened) -> Result<(), String> {
    pool.hold().await?.ask("SELECT 1::text").await.map(drop)
}

/// Until the current token expires.
async fn expiry(entra: &Entra) -> Instant {
    let tokens = entra.tokens(&Scope::for_host("localhost"));
    let token = tokens.get(Duration::from_secs(15)).await.expect("a token");
    let left = token.expires_on().duration_since(SystemTime::now());
    Instant::now() + left.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_keeps_nobody_waiting_while_the_token_lives() {
    let emulator = start(LIFETIME).await;
    let (control, entra) = (emulator.control(), entra(&emulator));
    let opened = open_all(&emulator, &entra).await;
    control.set_latency(Duration::from_secs(600));
    let (issued, requests) = (control.tokens_issued(), control.token_requests());
    let until = expiry(&entra).await - RESERVE;
    while Instant::now() < until {
        for (name, pool) in &opened {
            let held = [pool.hold().await, pool.hold().await, pool.hold().await];
            assert!(held.iter().all(Result::is_ok), "{name}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(
        control.token_requests() - requests,
        1,
        "one refresh is under way"
    );
    assert_eq!(
        control.tokens_issued(),
        issued,
        "so the connects waited for no token"
    );
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_shorter_than_the_token_harms_nobody_and_a_longer_one_ends_with_the_outage() {
    let emulator = start(LIFETIME).await;
    let (control, entra) = (emulator.control(), entra(&emulator));
    let opened = open_all(&emulator, &entra).await;
    let expiry = expiry(&entra).await;
    control.set_fault(Some(Fault::BadRequest));
    let before = control.token_requests();
    while Instant::now() + RESERVE < expiry {
        for (name, pool) in &opened {
            let answer = answers(&**pool).await;
            assert!(answer.is_ok(), "{name}: {answer:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let requests = control.token_requests() - before;
    // A tenth of what remains between two of them: at most 15 on the way from 8 s down to 3 s.
    assert!(
        (1..=15).contains(&requests),
        "{requests} requests during the outage"
    );

    tokio::time::sleep_until(expiry).await;
    for (name, pool) in &opened {
        // Whatever is idle still serves; sooner or later one has to be opened.
        let mut held = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::from_secs(40), pool.hold()).await;
            match next.expect("no hang") {
                Ok(connection) => held.push(connection),
                Err(_) => break,
            }
            assert!(held.len() <= 8, "{name} goes on without a token");
        }
    }
    control.set_fault(None);
    for (name, pool) in &opened {
        eventually(name, || async { answers(&**pool).await.is_ok() }).await;
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_replaced_by_one_request_and_nobody_notices() {
    let emulator = start(Duration::from_secs(120)).await;
    let control = emulator.control();
    for (name, adapter) in PER_CONNECTION {
        let pool = open(&emulator, adapter, &entra(&emulator)).await;
        let first = pool.hold().await.expect("a connection");
        control.revoke("app");
        let (requests, rejected) = (control.token_requests(), control.logins().rejected);
        let second = pool.hold().await;
        assert!(second.is_ok(), "{name}: {:?}", second.err());
        assert_eq!(control.token_requests() - requests, 1, "{name}");
        assert_eq!(
            control.logins().rejected - rejected,
            1,
            "{name}: exactly one retry"
        );
        drop((first, second));
        pool.close().await;
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_stays_refused_ends_with_the_servers_error() {
    let emulator = start(Duration::from_secs(120)).await;
    let control = emulator.control();
    control.repeat_tokens(true);
    for (name, adapter) in PER_CONNECTION {
        let app = unique("refused");
        let entra = entra(&emulator);
        let target = target(&emulator, &app);
        entra
            .tokens(target.scope())
            .get(Duration::from_secs(15))
            .await
            .expect("a token");
        control.revoke("app");
        let (requests, rejected) = (control.token_requests(), control.logins().rejected);
        let target = target.with_connect_timeout(Duration::from_secs(5));
        let error = adapter
            .open(&url(&emulator, &app), target, &entra)
            .await
            .map(drop)
            .expect_err(name);
        assert!(
            matches!(error.kind(), ErrorKind::Rejected(_)),
            "{name}: {error}"
        );
        assert_eq!(
            control.token_requests() - requests,
            1,
            "{name}: one forced request"
        );
        assert!(control.logins().rejected - rejected >= 1, "{name}");
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_heal_after_a_restart_without_asking_for_tokens() {
    let emulator = Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let control = emulator.control();
    let opened = open_all(&emulator, &entra(&emulator)).await;
    let requests = control.token_requests();
    control.restart_postgres().await.expect("restarts");
    for (name, pool) in &opened {
        eventually(name, || async { answers(&**pool).await.is_ok() }).await;
    }
    control.drop_connections().await.expect("drops");
    for (name, pool) in &opened {
        eventually(name, || async { answers(&**pool).await.is_ok() }).await;
    }
    assert_eq!(control.token_requests(), requests);
    emulator.stop().await.expect("stops");
}

fn fetches_per_connection(name: &str) -> bool {
    PER_CONNECTION.iter().any(|(other, _)| *other == name)
}

/// What a server that stalls says before it says nothing.
#[derive(Clone, Copy, Debug)]
enum Stall {
    AfterAccept,
    AfterAgreeingToTls,
    /// It says nothing more, and hangs up.
    HangsUp,
}

async fn stalling_server(stall: Stall) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut client, _)) = listener.accept().await {
            if !matches!(stall, Stall::AfterAccept) {
                let mut request = [0; 8];
                let _ = client.read_exact(&mut request).await;
                let _ = client.write_all(b"S").await;
            }
            if !matches!(stall, Stall::HangsUp) {
                silent.push(client);
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_given_up_in_time_and_the_phase_is_named() {
    for (stall, phase) in [
        (Stall::AfterAccept, "reaching the server"),
        (Stall::AfterAgreeingToTls, "the TLS handshake"),
    ] {
        let port = stalling_server(stall).await;
        let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=2");
        let attempts = ALL.map(|(name, adapter)| {
            let (url, target) = (&url, Target::parse(&url).expect("a URL"));
            async move {
                (
                    name,
                    adapter.open(url, target, &entra(shared())).await.map(drop),
                )
            }
        });
        // bb8 tries again until its own timeout of 20 s; the bound is for a pool that would be wedged.
        let results = tokio::time::timeout(Duration::from_secs(60), join_all(attempts)).await;
        for (name, result) in results.expect("no pool is wedged") {
            let error = result.expect_err(name);
            assert_eq!(
                error.kind(),
                ErrorKind::ConnectTimeout,
                "{name} {stall:?}: {error}"
            );
            // sqlx does not tell how far it came.
            let told = error.to_string().contains(phase) || !fetches_per_connection(name);
            assert!(told, "{name} {stall:?}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_is_not_called_an_impostor() {
    let port = stalling_server(Stall::HangsUp).await;
    let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=2");
    let attempts = ALL.map(|(name, adapter)| {
        let (url, target) = (&url, Target::parse(&url).expect("a URL"));
        async move {
            (
                name,
                adapter.open(url, target, &entra(shared())).await.map(drop),
            )
        }
    });
    for (name, result) in join_all(attempts).await {
        let error = result.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Connect, "{name}: {error}");
        assert!(error.is_transient(), "{name}: {error}");
    }
}
