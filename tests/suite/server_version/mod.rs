//! A server of a given version: TLS, the method `password` and the protocol, through every adapter and the proxy.
//!
//! It needs no LDAP, which the emulator's has to have.

mod server;

use std::time::Duration;

use entra_pg_core::Entra;
use entra_pg_proxy::Proxy;
use entra_pg_tests::adapters::{
    ALL, Cancel, NamedAdapter, POOL_SIZE, PROXY, TestConnection, TestPool,
};
use postgres_protocol::message::backend::{
    BACKEND_KEY_DATA_TAG, ERROR_RESPONSE_TAG, READY_FOR_QUERY_TAG,
};

use self::server::{Programs, Server};
use crate::{
    fixtures::{entra, shared},
    proxy::raw::{Raw, startup, text},
};

/// The version that a startup packet asks for.
const PROTOCOL_3_2: u32 = 3 << 16 | 2;

/// What a request to cancel holds in place of a version.
const CANCEL_REQUEST: u32 = 1234 << 16 | 5678;

const NEGOTIATE_PROTOCOL_VERSION_TAG: u8 = b'v';

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a server; `just test-postgres` names them"]
async fn every_adapter_works_with_this_servers_tls_password_and_protocol() {
    let (programs, entra) = (Programs::given(), entra(shared()));
    let server = Server::start(&programs, &entra, &[]).await;
    let mut found = String::new();
    for subject in ALL.into_iter().chain([PROXY]) {
        found = session(subject, &server.url(), &entra).await;
        // What connects by itself refuses it.
        if programs.major >= 17 && subject.per_connection {
            let direct = format!("{}&sslnegotiation=direct", server.url());
            session(subject, &direct, &entra).await;
        }
    }
    println!("every adapter works with PostgreSQL {found}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a server; `just test-postgres` names them"]
async fn every_adapter_finds_a_group_that_this_server_offers() {
    let (programs, entra) = (Programs::given(), entra(shared()));
    // A list only since version 18, and only since then with X25519.
    let offers: &[&str] = match programs.major {
        18.. => &[
            "ssl_groups=X25519",
            "ssl_groups=secp384r1:prime256v1",
            "ssl_groups=prime256v1",
        ],
        _ => &["ssl_ecdh_curve=secp384r1", "ssl_ecdh_curve=prime256v1"],
    };
    for offer in offers {
        let server = Server::start(&programs, &entra, &[offer]).await;
        for subject in ALL.into_iter().chain([PROXY]) {
            let opened = subject.open(&server.url(), &entra, POOL_SIZE).await;
            let mut connection = opened.acquire().await.expect(offer);
            assert_encrypted(subject.name, &mut connection).await;
            drop(connection);
            opened.close().await;
        }
        println!("every adapter works with {offer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a server; `just test-postgres` names them"]
async fn a_client_of_protocol_3_2_gets_through_the_proxy_what_this_server_speaks() {
    let (programs, entra) = (Programs::given(), entra(shared()));
    let server = Server::start(&programs, &entra, &[]).await;
    let provider = entra.login_provider(server.target()).expect("a database");
    let proxy = Proxy::builder(provider);
    let proxy = proxy.bind_tcp(([127, 0, 0, 1], 0).into()).expect("a port");

    let mut packet = startup("app");
    packet[4..8].copy_from_slice(&PROTOCOL_3_2.to_be_bytes());
    let mut client = Raw::begin_with(proxy.address(), &packet).await;
    let (mut key, mut is_older) = (Vec::new(), false);
    loop {
        let (tag, body) = client.message().await.expect("a message");
        match tag {
            ERROR_RESPONSE_TAG => panic!("{}", text(&body)),
            NEGOTIATE_PROTOCOL_VERSION_TAG => is_older = true,
            BACKEND_KEY_DATA_TAG => key = body,
            READY_FOR_QUERY_TAG => break,
            _ => {}
        }
    }
    assert_eq!(is_older, programs.major < 18);
    // The number of the process, and the secret.
    assert_eq!(key.len(), if is_older { 4 + 4 } else { 4 + 32 });

    client.query("SELECT pg_sleep(600)").await;
    let (address, request) = (proxy.address().clone(), cancel_request(&key));
    let cancelling = tokio::spawn(async move {
        // One that comes before the query has begun is without effect.
        loop {
            drop(Raw::begin_with(&address, &request).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let error = loop {
        let (tag, body) = client.message().await.expect("a message");
        if tag == ERROR_RESPONSE_TAG {
            break text(&body);
        }
    };
    cancelling.abort();
    assert!(error.contains("due to user request"), "{error}");
    proxy.close().await;
}

fn cancel_request(key: &[u8]) -> Vec<u8> {
    let length = u32::try_from(4 + 4 + key.len()).expect("a short key");
    [&length.to_be_bytes(), &CANCEL_REQUEST.to_be_bytes(), key].concat()
}

/// Logs in over TLS, and cancels a query. Returns the server's version.
async fn session(subject: NamedAdapter, url: &str, entra: &Entra) -> String {
    let name = subject.name;
    let opened = subject.open(url, entra, POOL_SIZE).await;
    let mut connection = opened.acquire().await.expect(name);
    assert_encrypted(name, &mut connection).await;
    let version = connection
        .query("SELECT current_setting('server_version')")
        .await;
    let query = Cancel {
        pid: connection
            .query("SELECT pg_backend_pid()::text")
            .await
            .expect(name),
        token: connection.cancel_token(),
    };
    let sleep = connection.query("SELECT pg_sleep(600)::text");
    let (slept, ()) = tokio::join!(sleep, cancel(&*opened, &query));
    let error = slept.expect_err("it is cancelled");
    assert!(error.contains("due to user request"), "{name}: {error}");
    drop(connection);
    opened.close().await;
    version.expect(name)
}

async fn assert_encrypted(name: &str, connection: &mut Box<dyn TestConnection>) {
    let sql = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let encrypted = connection.query(sql).await;
    assert_eq!(encrypted.as_deref(), Ok("true"), "{name}");
}

async fn cancel(opened: &dyn TestPool, query: &Cancel) {
    let mut other = opened.acquire().await.expect("another connection");
    let pid = &query.pid;
    let sql =
        format!("SELECT coalesce((SELECT wait_event FROM pg_stat_activity WHERE pid = {pid}), '')");
    let mut waits = String::new();
    while waits != "PgSleep" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        waits = other.query(&sql).await.expect("an answer");
    }
    drop(other);
    opened.cancel(query).await.expect("the server is asked");
}
