//! Servers with faults.

use std::{io::Write, sync::Arc};

use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Serves each client on a free port of the loopback interface, for as long as the test runs.
async fn serve<F>(each: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(each(client));
        }
    });
    port
}

/// Accepts connections and sends nothing.
pub(crate) async fn silent() -> u16 {
    serve(async |client| {
        let _held = client;
        std::future::pending::<()>().await;
    })
    .await
}

pub(crate) async fn hangs_up() -> u16 {
    serve(async |mut client| {
        let _ = client.read_exact(&mut [0; 8]).await;
    })
    .await
}

pub(crate) async fn says(answer: &'static [u8]) -> u16 {
    serve(move |mut client| async move {
        let _ = client.read_exact(&mut [0; 8]).await;
        let _ = client.write_all(answer).await;
    })
    .await
}

pub(crate) struct Expired {
    pub(crate) port: u16,
    /// A file with its own certificate, which makes it trusted but for its age.
    pub(crate) roots: NamedTempFile,
}

pub(crate) async fn expired_certificate() -> Expired {
    let mut parameters =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    let mut roots = NamedTempFile::new().expect("a file");
    roots
        .write_all(certificate.pem().as_bytes())
        .expect("written");
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let port = serve(move |mut client| {
        let acceptor = acceptor.clone();
        async move {
            let _ = client.read_exact(&mut [0; 8]).await;
            let _ = client.write_all(b"S").await;
            let _ = acceptor.accept(client).await;
        }
    })
    .await;
    Expired { port, roots }
}
