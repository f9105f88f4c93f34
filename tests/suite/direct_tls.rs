//! `sslnegotiation=direct`: a connection begins with TLS, and names PostgreSQL's protocol in it.
//!
//! PostgreSQL allows it since version 17. So that older ones can be under the tests, a listener does what a newer server does,
//! and passes the rest on.

use std::{net::SocketAddr, path::Path, sync::Arc};

use entra_pg_core::{Error, ErrorKind, RootCertificates, Target};
use entra_pg_emulator::Emulator;
use entra_pg_proxy::Proxy;
use entra_pg_tests::adapters::{ALL, NamedAdapter};
use entra_pg_tokio_postgres::tokio_postgres::{Config, NoTls};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::fixtures::{entra, shared, without_tls};

/// Its port, and its certificate, which is its own root.
struct DirectServer {
    port: u16,
    pem: String,
}

impl DirectServer {
    /// With these protocols (ALPN), in front of the emulator without TLS.
    async fn start(protocols: &[&[u8]]) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("one");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("TLS");
        let mut config = builder
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let behind = SocketAddr::from(([127, 0, 0, 1], without_tls().port()));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, acceptor.clone(), behind));
            }
        });
        Self {
            port,
            pem: made.cert.pem(),
        }
    }

    /// As PostgreSQL 17 does it.
    async fn postgres() -> Self {
        Self::start(&[entra_pg_rustls::ALPN]).await
    }

    fn url(&self, root: &Path) -> String {
        let root = root.display();
        format!(
            "postgres://app@localhost:{}/postgres?sslnegotiation=direct&sslrootcert={root}",
            self.port
        )
    }

    fn target(&self) -> Target {
        let url = format!(
            "postgres://app@localhost:{}/postgres?sslnegotiation=direct",
            self.port
        );
        let roots = RootCertificates::from_pem(self.pem.clone()).expect("a root");
        Target::parse(&url)
            .expect("a URL")
            .with_root_certificates(roots)
    }
}

/// A request for TLS, which is no handshake, ends the connection; so does a handshake without the protocol, if one is asked for.
async fn serve(client: TcpStream, acceptor: TlsAcceptor, behind: SocketAddr) {
    let asked = !acceptor.config().alpn_protocols.is_empty();
    let Ok(mut client) = acceptor.accept(client).await else {
        return;
    };
    if asked && client.get_ref().1.alpn_protocol().is_none() {
        return;
    }
    if let Ok(mut server) = TcpStream::connect(behind).await {
        _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// The first connection through a proxy.
async fn through_proxy(target: Target, emulator: &Emulator) -> Result<(), Error> {
    let provider = entra(emulator).login_provider(target)?;
    let proxy = Proxy::builder(provider).bind_tcp(([127, 0, 0, 1], 0).into())?;
    let mut config = Config::new();
    config
        .host(proxy.address().host())
        .port(proxy.address().port());
    let connected = config.user("anyone").connect(NoTls).await;
    let result = connected
        .map(|_| ())
        .map_err(|_| proxy.last_error().expect("it is kept"));
    proxy.close().await;
    result
}

async fn answer(adapter: NamedAdapter, server: &DirectServer) -> Result<String, Error> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &server.pem).expect("a root");
    let (url, target) = (server.url(file.path()), server.target());
    let pool = adapter
        .adapter
        .open_sized(&url, target, &entra(without_tls()), 1)
        .await?;
    let mut connection = pool.acquire().await.expect("a connection");
    Ok(connection.query("SELECT 'in'").await.expect("an answer"))
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_begin_with_tls_or_say_that_they_cannot() {
    let server = DirectServer::postgres().await;
    for adapter in ALL {
        let answer = answer(adapter, &server).await;
        if adapter.per_connection {
            let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", adapter.name));
            assert_eq!(answer, "in", "{}", adapter.name);
        } else {
            let error = answer.expect_err("sqlx cannot");
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidTarget,
                "{}: {error}",
                adapter.name
            );
            assert!(error.hint().contains("PerConnection"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_begins_with_tls_and_insists_on_the_protocol() {
    let server = DirectServer::postgres().await;
    through_proxy(server.target(), without_tls())
        .await
        .expect("it logs in");
    let other_service = DirectServer::start(&[]).await;
    let error = through_proxy(other_service.target(), without_tls()).await;
    let error = error.expect_err("it may be any service");
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.message().contains("did not agree"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waits_for_a_request_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // As version 16: the handshake is taken for a startup packet that is too long.
            _ = client.read(&mut [0; 512]).await;
            _ = client
                .write_all(b"EFATAL:  invalid length of startup packet\n\0")
                .await;
        }
    });
    let url = format!("postgres://app@localhost:{port}/postgres?sslnegotiation=direct");
    let roots = RootCertificates::from_pem(shared().ca_pem()).expect("roots");
    let target = Target::parse(&url)
        .expect("a URL")
        .with_root_certificates(roots);
    let entra = entra(shared());
    let connected = entra_pg_tokio_postgres::connect_and_spawn(target.clone(), &entra).await;
    let errors = [
        connected.map(|_| ()).expect_err("the server waits"),
        through_proxy(target, shared())
            .await
            .expect_err("the server waits"),
    ];
    for error in errors {
        assert!(error.hint().contains("needs PostgreSQL 17"), "{error}");
    }
}
