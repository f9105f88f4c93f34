//! What every adapter must do. Each test is named by the failure it holds off.

use std::time::Duration;

use entra_pg_core::{Entra, ErrorKind, RootCertificates, Target};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    adapters::{Adapter, Cancel},
    capture::capture,
    fixtures::{
        SHORT_LIFETIME, connections, entra, eventually, shared, short_lived, target, unique, url,
        without_tls,
    },
};

/// Runs a check for every adapter, each as a test by itself.
macro_rules! check {
    ($($check:ident),* $(,)?) => {$(
        mod $check {
            use entra_pg_tests::{adapters::named, for_every_adapter};

            for_every_adapter!(tests! $check);
        }
    )*};
}

macro_rules! tests {
    ($check:ident $($test:ident($name:literal, per_connection = $per_connection:literal, $adapter:expr);)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() { super::$check(named($name).adapter).await; }
    )*};
}

check! {
    the_first_connect_logs_in_as_the_role,
    new_connections_outlive_the_token_and_old_ones_stay,
    another_ca_is_refused,
    another_host_name_is_refused,
    a_server_without_tls_hears_no_token,
    a_closed_port_is_named_as_such,
    close_leaves_no_task_and_no_connection,
    a_query_is_cancelled_and_its_connection_lives_on,
    an_unknown_role_is_named_with_its_cure,
}

const PID: &str = "SELECT pg_backend_pid()::text";

async fn the_first_connect_logs_in_as_the_role(adapter: &dyn Adapter) {
    let (emulator, name) = (shared(), unique("first"));
    let opened = adapter
        .open(
            &url(emulator, &name),
            target(emulator, &name),
            &entra(emulator),
        )
        .await
        .expect("connects");
    let mut connection = opened.acquire().await.expect("a connection");
    assert_eq!(
        connection
            .query("SELECT current_user::text")
            .await
            .as_deref(),
        Ok("app")
    );
    let encrypted = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(connection.query(encrypted).await.as_deref(), Ok("true"));
    drop(connection);
    opened.close().await;
}

async fn new_connections_outlive_the_token_and_old_ones_stay(adapter: &dyn Adapter) {
    let (emulator, name) = (short_lived(), unique("rollover"));
    let entra = entra(emulator);
    let opened = adapter
        .open(&url(emulator, &name), target(emulator, &name), &entra)
        .await
        .expect("connects");
    let mut held = vec![opened.acquire().await.expect("a connection")];
    let mut pids = vec![held[0].query(PID).await.expect("an answer")];
    let mut expiry = first_expiry(&entra).await;
    for lifetime in 1..=3 {
        tokio::time::sleep_until(expiry).await;
        expiry += SHORT_LIFETIME;
        let mut new = opened
            .acquire()
            .await
            .unwrap_or_else(|error| panic!("lifetime {lifetime}: {error}"));
        let pid = new.query(PID).await.expect("an answer");
        assert!(!pids.contains(&pid), "a new physical connection");
        pids.push(pid);
        held.push(new);
        for (connection, pid) in held.iter_mut().zip(&pids) {
            assert_eq!(
                connection.query(PID).await.as_ref(),
                Ok(pid),
                "older connections stay usable"
            );
        }
    }
    drop(held);
    opened.close().await;
}

/// When the token that the first connection was opened with has expired.
async fn first_expiry(entra: &Entra) -> Instant {
    let tokens = entra.token_cache(&entra_pg_core::Scope::for_host("localhost"));
    let token = tokens.get(Duration::from_secs(15)).await.expect("a token");
    let left = token
        .expires_on()
        .duration_since(std::time::SystemTime::now())
        .unwrap_or_default();
    Instant::now() + left + Duration::from_millis(100)
}

async fn another_ca_is_refused(adapter: &dyn Adapter) {
    let (emulator, name) = (shared(), unique("ca"));
    let other_ca = RootCertificates::from_pem(short_lived().ca_pem()).expect("certificates");
    let url = format!("{}?application_name={name}", emulator.url());
    let target = Target::parse(&url)
        .expect("a URL")
        .with_root_certificates(other_ca)
        .with_connect_timeout(Duration::from_secs(5));
    let error = adapter
        .open(&url, target, &entra(emulator))
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("sslrootcert"), "{error}");
}

async fn another_host_name_is_refused(adapter: &dyn Adapter) {
    let (emulator, name) = (shared(), unique("name"));
    let url = url(emulator, &name).replace("localhost", "127.0.0.1");
    let target = Target::parse(&url)
        .expect("a URL")
        .with_connect_timeout(Duration::from_secs(5));
    let error = adapter
        .open(&url, target, &entra(emulator))
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}

async fn a_server_without_tls_hears_no_token(adapter: &dyn Adapter) {
    let emulator = without_tls();
    let (port, captured) = capture(emulator.port()).await;
    let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=5");
    let target = Target::parse(&url).expect("a URL");
    let error = adapter
        .open(&url, target, &entra(emulator))
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    let bytes = captured.bytes();
    // SSLRequest, and nothing after the answer to it. https://www.postgresql.org/docs/current/protocol-message-formats.html
    let request = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    assert!(!bytes.is_empty(), "the server was never reached: {error}");
    assert!(bytes.chunks(8).all(|chunk| chunk == request), "{bytes:?}");
}

async fn a_closed_port_is_named_as_such(adapter: &dyn Adapter) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=3");
    let target = Target::parse(&url).expect("a URL");
    let opened = adapter.open(&url, target, &entra(shared())).await;
    let error = opened.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("refused") && text.contains("firewall"),
        "{text}"
    );
    assert!(error.is_transient());
}

async fn close_leaves_no_task_and_no_connection(adapter: &dyn Adapter) {
    let (emulator, name) = (shared(), unique("close"));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let entra = entra(emulator);
    let opened = adapter
        .open(&url(emulator, &name), target(emulator, &name), &entra)
        .await
        .expect("connects");
    let held = [
        opened.acquire().await.expect("a connection"),
        opened.acquire().await.expect("a connection"),
    ];
    assert!(connections(emulator, &name).await >= 2);
    drop(held);
    opened.close().await;
    // The credential's HTTP client keeps its own connection for a while; it goes with the last handle.
    drop(entra);
    eventually("no connection is left", || async {
        connections(emulator, &name).await == 0
    })
    .await;
    eventually("no task is left", || async { tasks() == before }).await;
}

async fn a_query_is_cancelled_and_its_connection_lives_on(adapter: &dyn Adapter) {
    let (emulator, name) = (shared(), unique("cancel"));
    let opened = adapter
        .open(
            &url(emulator, &name),
            target(emulator, &name),
            &entra(emulator),
        )
        .await
        .expect("connects");
    let mut running = opened.acquire().await.expect("a connection");
    let query = Cancel {
        pid: running.query(PID).await.expect("an answer"),
        token: running.cancel_token(),
    };
    let cancel = async {
        // Neither before nor between the messages of a statement.
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND wait_event = 'PgSleep'",
            query.pid
        );
        eventually("the query runs", || async {
            emulator.control().execute(&sql).await.expect("answers") == "1"
        })
        .await;
        opened.cancel(&query).await
    };
    let (slept, cancelled) = tokio::join!(running.query("SELECT pg_sleep(600)::text"), cancel);
    assert_eq!(cancelled, Ok(()));
    let error = slept.expect_err("it is cancelled");
    // SQLSTATE 57014 is also that of a timeout.
    assert!(error.contains("due to user request"), "{error}");
    match running.query(PID).await {
        Ok(pid) => assert_eq!(pid, query.pid),
        // SeaORM lends a connection as a transaction, which the error has ended.
        Err(aborted) => assert!(
            aborted.contains("current transaction is aborted"),
            "{aborted}"
        ),
    }
    drop(running);
    opened.close().await;
}

async fn an_unknown_role_is_named_with_its_cure(adapter: &dyn Adapter) {
    let (emulator, name) = (shared(), unique("role"));
    let url = url(emulator, &name).replace("app@", "App@") + "&connect_timeout=5";
    let target = Target::parse(&url).expect("a URL");
    let error = adapter
        .open(&url, target, &entra(emulator))
        .await
        .err()
        .expect("refused");
    assert!(matches!(error.kind(), ErrorKind::Rejected(_)), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("\"App\"") && text.contains("pgaadauth_create_principal_with_oid('App'"),
        "{text}"
    );
}
