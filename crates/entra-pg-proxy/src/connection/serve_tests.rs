use std::{
    io,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use entra_pg_core::{
    Entra, LoginProvider, Target,
    azure_core::{
        self,
        credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    },
};
use rstest::rstest;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::yield_now,
};
use tracing::{Level, subscriber::DefaultGuard};

use super::*;
use crate::{Address, Proxy};

const STARTUP: &[u8] = b"\0\0\0\x12\0\x03\0\0user\0app\0\0";
const CANCEL: &[u8; 16] = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02";
const PASSWORD_REQUEST: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
/// `AuthenticationOk`, `BackendKeyData`, `ReadyForQuery`.
const READY: &[u8] = b"R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x01\0\0\0\x02Z\0\0\0\x05I";

#[derive(Debug)]
struct Endpoint;

#[async_trait::async_trait]
impl TokenCredential for Endpoint {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = SystemTime::now() + Duration::from_secs(3_600);
        Ok(AccessToken::new(Secret::new("a-token"), expires_on.into()))
    }
}

/// A connect to this port of the machine never times out.
fn provider(port: u16) -> LoginProvider {
    let url = format!("postgres://app@127.0.0.1:{port}/orders?connect_timeout=86400");
    let target = Target::parse(&url).expect("a target");
    let target = target.dangerously_without_tls().expect("loopback");
    let entra = Entra::new(Arc::new(Endpoint));
    entra.login_provider(target).expect("a provider")
}

fn proxy(port: u16, logins: usize) -> Proxy {
    let builder = Proxy::builder(provider(port)).max_concurrent_logins(logins);
    builder
        .bind_tcp(([127, 0, 0, 1], 0).into())
        .expect("it listens")
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// A client that has sent this.
async fn client(proxy: &Proxy, packet: &[u8]) -> TcpStream {
    let Address::Tcp(address) = proxy.address() else {
        panic!("it listens on a port");
    };
    let mut client = TcpStream::connect(address).await.expect("a connection");
    client.write_all(packet).await.expect("it is sent");
    client
}

/// What is logged on this thread at WARN and above.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<u8>>>);

impl Warnings {
    fn capture() -> (Self, DefaultGuard) {
        let warnings = Self::default();
        let writer = warnings.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::WARN)
            .with_writer(move || writer.clone())
            .finish();
        (warnings, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl io::Write for Warnings {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Admits one client, and waits for its end.
async fn admit(listener: TcpListener) {
    let (mut client, _) = listener.accept().await.expect("a client");
    client.read_exact(&mut [0; 8]).await.expect("its startup");
    client.write_all(PASSWORD_REQUEST).await.expect("sent");
    client.write_all(READY).await.expect("sent");
    let _ = client.read_to_end(&mut Vec::new()).await;
}

#[rstest]
#[case::before_its_startup_packet(b"")]
#[case::before_its_first_request(STARTUP)]
#[tokio::test]
async fn a_client_that_resets_its_connection_is_no_warning(#[case] packet: &[u8]) {
    let (warnings, _guard) = Warnings::capture();
    let (listener, port) = listen().await;
    let proxy = proxy(port, 1);
    let mut client = client(&proxy, packet).await;
    while proxy.active_connections() == 0 {
        yield_now().await;
    }
    if !packet.is_empty() {
        tokio::spawn(admit(listener));
        let mut response = vec![0; READY.len()];
        client.read_exact(&mut response).await.expect("it is in");
        assert_eq!(response, READY);
    }
    // Closing it now sends a reset.
    let linger = SockRef::from(&client).set_linger(Some(Duration::ZERO));
    linger.expect("an option");
    drop(client);
    proxy.shutdown().await;
    assert_eq!(warnings.text(), "");
}

#[tokio::test]
async fn a_cancel_request_that_is_lost_is_logged() {
    let (warnings, _guard) = Warnings::capture();
    // It is bound, so that nobody else gets the port, and does not listen.
    let nobody = TcpSocket::new_v4().expect("a socket");
    nobody.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let proxy = proxy(nobody.local_addr().expect("an address").port(), 1);
    let mut client = client(&proxy, CANCEL).await;
    let response = client.read_to_end(&mut Vec::new()).await;
    assert_eq!(response.expect("no response"), 0);
    assert!(warnings.text().contains("cancel request lost"));
    proxy.close().await;
}

#[tokio::test]
async fn a_cancel_request_does_not_wait_behind_logins_that_hang() {
    let (listener, port) = listen().await;
    let proxy = proxy(port, 1);
    let _login = client(&proxy, STARTUP).await;
    let (mut hanging, _) = listener.accept().await.expect("a client");
    hanging.read_u8().await.expect("its login has begun");

    let _client = client(&proxy, CANCEL).await;
    let accepted = timeout(Duration::from_secs(60), listener.accept()).await;
    let (mut server, _) = accepted.expect("not behind the login").expect("a client");
    let mut packet = [0; CANCEL.len()];
    server.read_exact(&mut packet).await.expect("a packet");
    assert_eq!(&packet, CANCEL);
    proxy.close().await;
}
