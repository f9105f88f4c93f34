//! What is no PostgreSQL server, or one that is not as it should be, is named as what it is, through every adapter and the proxy.

mod server;

use entra_pg_core::{Error, ErrorKind, RootCertificates, Target};
use entra_pg_tests::adapters::{ALL, NamedAdapter, named};

use self::server::{Does, FOR_LONG, OddServer};
use futures::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use crate::fixtures::{entra, shared, url};

async fn fails(adapter: NamedAdapter, server: &OddServer, connect_timeout: u32) -> Error {
    let url = format!(
        "postgres://app@localhost:{}/orders?connect_timeout={connect_timeout}",
        server.port
    );
    let roots = RootCertificates::from_pem(server.pem.clone()).expect("a root");
    let target = Target::parse(&url).expect("a URL");
    let target = target.with_root_certificates(roots);
    let entra = entra(shared());
    // A short deadline is for the server.
    let token = entra.token_cache(target.scope()).get(FOR_LONG).await;
    token.expect("a token");
    let opened = adapter
        .adapter
        .open_sized(&url, target, &entra, 1)
        .await
        .err();
    opened.unwrap_or_else(|| panic!("{}: it is let in", adapter.name))
}

/// So many do not starve each other.
const AT_ONCE: usize = 16;

/// What it does, and what every adapter then says: the cause, and the cure.
type Row = (Does, &'static str, &'static str);

const ROWS: [Row; 14] = [
    (Does::Answer(b"N"), "does not support TLS", "ssl=on"),
    (
        Does::Answer(b"Ecould not fork new process for connection\n\0"),
        "with an error, unverified: \"could not fork new process for connection\"",
        "try again",
    ),
    (
        Does::Answer(b"E\0\0\0\x30SFATAL\0C53300\0Msorry, too many\nclients\0\0"),
        "unverified: \"sorry, too many clients\"",
        "try again",
    ),
    (
        Does::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "speaks HTTP",
        "5432",
    ),
    (
        Does::Answer(b"J\0\0\0\n8.0.36\0"),
        "does not speak PostgreSQL's protocol",
        "5432",
    ),
    (
        Does::Answer(&[21, 3, 1, 0, 2, 2, 10]),
        "expects TLS from the first byte",
        "HTTPS",
    ),
    (
        Does::Handshake(&[21, 3, 3, 0, 2, 2, 40]),
        "shares no cipher",
        "server's log",
    ),
    (
        Does::Handshake(&[21, 3, 3, 0, 2, 2, 70]),
        "shares no TLS version",
        "TLS 1.2",
    ),
    (
        Does::Handshake(&[21, 3, 3, 0, 2, 2, 80]),
        "an internal error",
        "server's log",
    ),
    (
        Does::Handshake(&[21, 3, 3, 0, 2, 2, 112]),
        "does not know the host's name",
        "alias",
    ),
    (
        Does::Handshake(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "is not TLS",
        "another service",
    ),
    (
        Does::Startup(b"R\0\0\0\x08\0\0\0\x07"),
        "GSSAPI",
        "pg_hba.conf",
    ),
    (
        Does::Startup(b"R\0\0\0\x08\0\0\0\x09"),
        "SSPI",
        "pg_hba.conf",
    ),
    (
        Does::Startup(b"R\0\0\0\x08\0\0\0\x2a"),
        "an unknown kind (42)",
        "pg_hba.conf",
    ),
];

/// bb8 tries again until its own timeout, which is long; it reports the connector's error, as deadpool does.
fn adapters() -> impl Iterator<Item = NamedAdapter> {
    ALL.into_iter()
        .filter(|adapter| !adapter.name.ends_with("bb8"))
}

/// The deadline is far off, so that a slow machine does not meet it.
#[tokio::test(flavor = "multi_thread")]
async fn every_adapter_has_the_same_words_for_what_is_no_server() {
    let tries = adapters().flat_map(|adapter| ROWS.map(|row| (adapter, row)));
    let tries = tries.map(|(adapter, (does, cause, cure))| async move {
        let server = OddServer::start(does, &["localhost"]).await;
        let (error, name) = (fails(adapter, &server, 60).await, adapter.name);
        assert!(error.message().contains(cause), "{name}: {error}");
        assert!(error.hint().contains(cure), "{name}: {error}");
        assert!(error.to_string().len() < 500, "{name}: {error}");
        assert!(!error.to_string().contains('\n'), "{name}: {error}");
        assert!(!server.heard_password(), "{name}: {error}");
    });
    stream::iter(tries)
        .for_each_concurrent(AT_ONCE, |tried| tried)
        .await;
}

/// The driver keeps no more of it than that the answer was not yes, and the server is well when it is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_too_busy_for_a_moment_is_not_said_to_lack_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        for answer in [b"Eno more processes\n\0".as_slice(), b"S"] {
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut request = [0; 8];
            client.read_exact(&mut request).await.expect("a request");
            client.write_all(answer).await.expect("it listens");
        }
    });
    let url = url(shared(), "busy").replace(
        &format!("localhost:{}", shared().port()),
        &format!("127.0.0.1:{port}"),
    );
    let entra = entra(shared());
    let connecting = entra_pg_tokio_postgres::connect_and_spawn(&*url, &entra).await;
    let error = connecting.map(drop).expect_err("it is busy");
    assert!(error.message().contains("for TLS with an error"), "{error}");
    assert!(error.is_transient(), "{error}");
}

/// A read of sqlx does not yield under a flood, and no timer in its task fires.
/// The servers here take up workers, too; `attack` has one mode of the kind with two workers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_connect_ends_though_the_server_does_not() {
    const LET_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0";
    const STATUS: &[u8] = b"S\0\0\0\x08a\0b\0";
    for name in [
        "sqlx",
        "SeaORM",
        "sqlx per connection",
        "SeaORM per connection",
        "sqlx 0.8",
        "SeaORM 1.1",
        "sqlx 0.8 per connection",
        "SeaORM 1.1 per connection",
        "tokio-postgres",
    ] {
        for does in [Does::Flood(LET_IN, STATUS), Does::Startup(b"")] {
            let server = OddServer::start(does, &["localhost"]).await;
            let error = timeout(FOR_LONG / 2, fails(named(name), &server, 2)).await;
            let error = error.unwrap_or_else(|_| panic!("{name}: {does:?}: no end"));
            // The proxy sees the flood as one.
            let ended = error.kind() == ErrorKind::ConnectTimeout
                || error.message().contains("sent more than");
            assert!(ended, "{name}: {does:?}: {error}");
        }
    }
}
