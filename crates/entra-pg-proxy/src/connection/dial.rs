//! TCP and verified TLS to the target.
//!
//! Nothing but the request for TLS is sent before the server's certificate is verified. Nothing that arrives before is used:
//! the one byte that answers the request is read alone, so that whatever was slipped in behind it fails the handshake.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use entra_pg_core::{
    Error, ErrorKind, Target,
    connect::{Attempt, Failure, Step},
};
use postgres_protocol::message::frontend;
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

/// A connection to the target. The right side is for [`Target::dangerously_without_tls`] alone.
pub(crate) type Server = Either<TlsStream<TcpStream>, TcpStream>;

/// Clients cannot ask for this through a socket of ours. Azure's gateways forget connections that are idle for four minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);

pub(crate) async fn dial(
    target: &Target,
    tls: &Arc<ClientConfig>,
    attempt: &Attempt,
) -> Result<Server, Failure> {
    let mut tcp = attempt
        .timeout(Step::TcpConnect, connect_tcp(target))
        .await?
        .map_err(|error| Failure::broken(&error))?;
    if !target.uses_tls() {
        return Ok(Either::Right(tcp));
    }
    attempt
        .timeout(Step::TcpConnect, request_tls(&mut tcp))
        .await??;
    let name = ServerName::try_from(target.hosts()[0].name().to_owned())
        .map_err(|error| Error::new(ErrorKind::Tls, error.to_string()))?;
    let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, tcp);
    let stream = attempt
        .timeout(Step::TlsHandshake, handshake)
        .await?
        .map_err(|error| Failure::broken(&error))?;
    Ok(Either::Left(stream))
}

async fn connect_tcp(target: &Target) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect((target.hosts()[0].name(), target.hosts()[0].port())).await?;
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
    Ok(tcp)
}

async fn request_tls(tcp: &mut TcpStream) -> Result<(), Failure> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    tcp.write_all(&request)
        .await
        .map_err(|error| Failure::broken(&error))?;
    match tcp.read_u8().await {
        Ok(b'S') => Ok(()),
        Ok(b'N') => Err(Failure::no_tls()),
        // The sender of what follows is not verified, so it is not repeated.
        Ok(b'E') => Err(Error::new(
            ErrorKind::Connect,
            "the server responded to the request for TLS with an error",
        )
        .with_hint("it may have too few resources; see its log")
        .transient(true)
        .into()),
        Ok(_) => Err(Error::new(
            ErrorKind::Connect,
            "the server does not speak PostgreSQL's protocol",
        )
        .with_hint("check the host's name and port")
        .into()),
        Err(error) => Err(Failure::broken(&error)),
    }
}
