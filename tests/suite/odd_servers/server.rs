//! A server on loopback that is not as a PostgreSQL server should be: what it says to the request for TLS, during the handshake,
//! or to the startup packet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// Longer than any test lets a client wait.
pub const FOR_LONG: Duration = Duration::from_secs(120);

/// What the server does.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// It says this to the request for TLS, and hangs up.
    Answer(&'static [u8]),
    /// It agrees on TLS, says this to the handshake, and hangs up.
    Handshake(&'static [u8]),
    /// Over TLS it says this to the startup packet, and then reads.
    Startup(&'static [u8]),
    /// Over TLS it says the first once to the startup packet, and the second until the client is gone.
    Flood(&'static [u8], &'static [u8]),
}

/// Listens until the runtime ends.
pub struct OddServer {
    pub port: u16,
    /// Its certificate, which is its own root.
    pub pem: String,
    heard_password: Arc<AtomicBool>,
}

impl OddServer {
    /// With a certificate for these names.
    pub async fn start(does: Does, names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = made.signing_key.serialize_der();
        let tls = acceptor(made.cert.der().clone(), key);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let heard_password = Arc::<AtomicBool>::default();
        let heard = Arc::clone(&heard_password);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (tls, heard) = (tls.clone(), Arc::clone(&heard));
                tokio::spawn(timeout(FOR_LONG, serve(client, does, tls, heard)));
            }
        });
        Self {
            port,
            pem: made.cert.pem(),
            heard_password,
        }
    }

    /// Whether a client has sent a token, or what it made of one.
    pub fn heard_password(&self) -> bool {
        self.heard_password.load(Ordering::SeqCst)
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: Vec<u8>) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("TLS");
    let config = builder.with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key);
    TlsAcceptor::from(Arc::new(config.expect("a certificate and its key")))
}

async fn serve(
    mut client: TcpStream,
    does: Does,
    tls: TlsAcceptor,
    heard: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    if let Does::Answer(answer) = does {
        client.write_all(answer).await?;
        return client.shutdown().await;
    }
    client.write_all(b"S").await?;
    if let Does::Handshake(answer) = does {
        client.read_u8().await?;
        client.write_all(answer).await?;
        return client.shutdown().await;
    }
    let mut client = tls.accept(client).await?;
    let length = client.read_u32().await?;
    let mut startup = vec![0; (length as usize).saturating_sub(4).min(10_000)];
    client.read_exact(&mut startup).await?;
    match does {
        Does::Flood(once, again) => flood(&mut client, once, again).await,
        Does::Startup(answer) => {
            client.write_all(answer).await?;
            client.flush().await?;
            while client.read_u8().await? != b'p' {}
            heard.store(true, Ordering::SeqCst);
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn flood(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    once: &[u8],
    again: &[u8],
) -> std::io::Result<()> {
    client.write_all(once).await?;
    let again = again.repeat((64 * 1024 / again.len()).max(1));
    loop {
        client.write_all(&again).await?;
    }
}
