//! Clients that are none, or none of ours.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use entra_pg_proxy::{Address, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    task::JoinSet,
};

use super::{
    clients::run,
    proxy_for, proxy_to,
    raw::{Raw, startup, text},
};
use crate::fixtures::{eventually, shared, target};

/// Longer than any test: not for this reason does a client have to go.
const A_TEST: Duration = Duration::from_secs(600);

async fn no_client_is_left(proxy: &Proxy) {
    eventually("no client is left", || async {
        proxy.active_connections() == 0
    })
    .await;
}

/// What the proxy sends to a client that sends this.
async fn response(proxy: &Proxy, bytes: &[u8]) -> Vec<u8> {
    let mut raw = Raw::begin_with(proxy.address(), bytes).await;
    let mut response = Vec::new();
    raw.0.read_to_end(&mut response).await.expect("a clean end");
    response
}

/// An error that is not expected ends some programs. PostgreSQL sends none either.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_postgresql_client_is_closed_without_a_response() {
    const REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
    let proxy = proxy_to(shared())
        .bind_tcp(([127, 0, 0, 1], 0).into())
        .expect("listens");
    let goodbye = b"X\0\0\0\x04";
    let hello = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &b""[..]),
        (goodbye, b""),
        (&[REQUEST, goodbye].concat(), b"N"),
        (hello, b""),
        (&[REQUEST, hello].concat(), b"N"),
        (&[0, 0, 0x27, 0x11, 0, 3, 0, 0], b""),
        (&[0xff; 64], b""),
        (&[0; 8], b""),
    ] {
        let response = response(&proxy, bytes).await;
        assert_eq!(text(&response), text(expected), "{bytes:?}");
    }
    no_client_is_left(&proxy).await;
    assert!(proxy.last_error().is_none(), "no connect has failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_is_wrong_inside_gets_postgresqls_error() {
    let proxy = proxy_to(shared()).bind_private().expect("listens");
    for (bytes, cause) in [
        (&[0, 0, 0, 9, 0, 2, 0, 0, 0][..], "version 2.0"),
        (&[0, 0, 0, 8, 4, 210, 22, 47].repeat(4), "repeatedly"),
    ] {
        let response = response(&proxy, bytes).await;
        assert!(text(&response).contains(cause), "{}", text(&response));
    }
    no_client_is_left(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_startup_packet_holds_nothing() {
    let proxy = proxy_to(shared()).bind_private().expect("listens");
    for length in [0, 1, 4, 7, 20] {
        let mut raw = Raw::connect(proxy.address()).await.expect("connects");
        raw.send(&startup("app")[..length]).await;
        raw.0.shutdown().await.expect("half closed");
        assert_eq!(raw.message().await, None);
    }
    no_client_is_left(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_say_nothing_give_way_to_those_that_do() {
    let proxy = proxy_to(shared())
        .max_concurrent_logins(2)
        .startup_timeout(Duration::from_millis(300))
        .bind_private()
        .expect("listens");
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(Raw::connect(proxy.address()).await.expect("connects"));
    }
    Raw::ready(proxy.address()).await;
    assert_eq!(silent[0].message().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_take_no_place_of_a_login() {
    let proxy = proxy_to(shared())
        .max_concurrent_logins(1)
        .startup_timeout(A_TEST)
        .bind_tcp(([127, 0, 0, 1], 0).into())
        .expect("listens");
    let silent = (0..64).map(|_| Raw::connect(proxy.address()));
    let silent = futures::future::join_all(silent).await;
    Raw::ready(proxy.address()).await;
    assert!(silent.iter().all(Result::is_ok));
    eventually("all are waiting", || async {
        proxy.active_connections() == 64
    })
    .await;
}

/// Half of them send the beginning of a packet. Each comes again when it has to go.
async fn renew(address: Address, begins: bool, renewed: Arc<AtomicUsize>) {
    loop {
        let mut raw = Raw::connect(&address).await.expect("connects");
        if begins {
            let _ = raw.0.write_all(&[0]).await;
        }
        let _ = raw.message().await;
        renewed.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_come_again_for_ever_do_not_shut_the_door() {
    let builder = proxy_to(shared())
        .max_concurrent_logins(1)
        .max_waiting_clients(3)
        .startup_timeout(A_TEST);
    let tcp = builder.clone().bind_tcp(([127, 0, 0, 1], 0).into());
    for proxy in [tcp, builder.bind_private()] {
        let proxy = proxy.expect("listens");
        let renewed = Arc::new(AtomicUsize::new(0));
        let mut strangers = JoinSet::new();
        for n in 0..12 {
            strangers.spawn(renew(proxy.address().clone(), n % 2 == 0, renewed.clone()));
        }
        eventually("they fill the room and more", || async {
            renewed.load(Ordering::Relaxed) > 4
        })
        .await;
        for _ in 0..3 {
            Raw::ready(proxy.address()).await;
        }
    }
}

const HELD: &str = "ENTRA_PG_TEST_HELD_SOCKET";

/// For the test below, in a process of its own.
#[test]
#[ignore = "run by another test"]
fn another_process_holds_connections() {
    let Ok(path) = std::env::var(HELD) else {
        return;
    };
    let connect = |_| std::os::unix::net::UnixStream::connect(&path).expect("connects");
    let _held: Vec<_> = (0..40).map(connect).collect();
    // Until the test has ended.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_may_not_be_served_take_no_place_of_others() {
    let proxy = proxy_to(shared())
        .this_process_only()
        .max_concurrent_logins(1)
        .max_waiting_clients(0)
        .startup_timeout(A_TEST)
        .bind_private()
        .expect("listens");
    let holder = "proxy::strangers::another_process_holds_connections";
    let _held = Command::new(std::env::current_exe().expect("a path"))
        .args(["--ignored", "--exact", holder])
        .env(HELD, proxy.address().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    eventually("it has all places of strangers", || async {
        proxy.active_connections() == 32
    })
    .await;
    Raw::ready(proxy.address()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_served_in_turn() {
    let proxy = proxy_to(shared())
        .max_concurrent_logins(4)
        .bind_private()
        .expect("listens");
    let crowd = (0..40).map(|_| Raw::ready(proxy.address()));
    let crowd = futures::future::join_all(crowd).await;
    assert_eq!(proxy.active_connections(), 40);
    drop(crowd);
    no_client_is_left(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_is_not_served_where_only_this_one_may_be() {
    let proxy = proxy_to(shared())
        .this_process_only()
        .bind_private()
        .expect("listens");
    let output = run("psql", &proxy, &["-X", "-c", "SELECT 1"]).await;
    let error = text(&output.stderr);
    assert!(!output.status.success());
    assert!(
        error.contains("accepts only the process that created it"),
        "{error}"
    );
    Raw::ready(proxy.address()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_stops_the_connect_and_the_step_is_known() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=600");
    let proxy = proxy_for(entra_pg_core::Target::parse(&url).expect("a URL"))
        .bind_private()
        .expect("listens");
    let raw = Raw::begin(proxy.address(), "app").await;
    let (_server, _) = listener.accept().await.expect("dialled");
    drop(raw);
    no_client_is_left(&proxy).await;
    let error = proxy.last_error().expect("an error").to_string();
    assert!(
        error.contains("the TCP connection had not finished when the caller gave up"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_token_reaches_psql_with_cause_and_hint() {
    let emulator = entra_pg_emulator::Emulator::builder()
        .role("app")
        .start()
        .await
        .expect("starts");
    let proxy = proxy_to(&emulator).bind_private().expect("listens");
    emulator
        .control()
        .set_fault(Some(entra_pg_emulator::Fault::BadRequest));
    let output = run("psql", &proxy, &["-X", "-c", "SELECT 1"]).await;
    let response = text(&output.stderr);
    assert!(
        response.contains("token failed: ") && response.contains("HINT:"),
        "{response}"
    );
    let error = proxy.last_error().expect("an error");
    assert_eq!(error.kind(), entra_pg_core::ErrorKind::TokenRequest);
    assert!(response.contains(error.message()), "{response}\n{error}");
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_role_in_the_url_the_clients_own_name_counts() {
    let emulator = shared();
    let url = crate::fixtures::url(emulator, "unnamed").replace("app@", "");
    let bare = entra_pg_core::Target::parse(&url).expect("a URL");
    assert_eq!(bare.user(), None);
    let proxy = super::builder(emulator, bare)
        .bind_private()
        .expect("listens");
    Raw::ready(proxy.address()).await;
    let response = Raw::begin(proxy.address(), "nobody").await.error().await;
    assert!(
        response.contains("pgaadauth_create_principal_with_oid('nobody'"),
        "{response}"
    );
    // The target's database and application name fill what the client leaves out.
    let mut raw = Raw::connect(proxy.address()).await.expect("connects");
    let mut packet = bytes::BytesMut::new();
    postgres_protocol::message::frontend::startup_message([("user", "app")], &mut packet)
        .expect("no zeros");
    raw.send(&packet).await;
    while raw.message().await.expect("a message").0 != b'Z' {}
    raw.query("SELECT current_database() || ' ' || current_setting('application_name')")
        .await;
    raw.message().await.expect("the columns");
    let (_, row) = raw.message().await.expect("a row");
    assert!(text(&row).contains("postgres unnamed"), "{}", text(&row));
    assert_eq!(target(emulator, "x").user(), Some("app"));
}
