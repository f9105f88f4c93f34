//! TCP and verified TLS to the target.
//!
//! Only the request for TLS is sent before the server's certificate is verified. The response to it is one byte, which is read
//! alone: anything that was injected behind it fails the handshake.

use std::{io, net::SocketAddr};

use entra_pg_core::{
    Error, ErrorKind, LoginProvider, Target,
    connect::{Attempt, Failure, ServerAddress, Step, request_tls},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};
use tokio_util::either::Either;

use super::{keepalive::set_keepalive, sessions::Sessions};

/// A connection to the server. The right side is only for [`Target::dangerously_without_tls`].
pub(crate) type Server = Either<TlsStream<TcpStream>, TcpStream>;

/// The servers that a proxy connects to, their sessions, and the TLS configuration for all connections to it.
pub(crate) struct Upstream {
    pub(crate) provider: LoginProvider,
    pub(crate) sessions: Sessions,
    tls: TlsConnector,
}

impl Upstream {
    pub(crate) fn new(provider: LoginProvider) -> Result<Self, Error> {
        let roots = provider.target().root_certificates().to_der()?;
        let mut tls = entra_pg_rustls::client_config(roots);
        if provider.target().uses_direct_tls() {
            tls = entra_pg_rustls::with_alpn(&tls);
        }
        Ok(Self {
            provider,
            sessions: Sessions::default(),
            tls: tls.into(),
        })
    }

    pub(crate) fn target(&self) -> &Target {
        self.provider.target()
    }

    pub(crate) async fn dial(
        &self,
        server: &ServerAddress,
        attempt: &Attempt,
    ) -> Result<Server, Failure> {
        let mut tcp = attempt
            .timeout(
                Step::TcpConnect,
                connect_tcp(server.address(), self.target()),
            )
            .await?
            .map_err(|error| Failure::broken(&error))?;
        if !self.target().uses_tls() {
            return Ok(Either::Right(tcp));
        }
        if !self.target().uses_direct_tls() {
            attempt
                .timeout(Step::TcpConnect, request_tls(&mut tcp))
                .await??;
        }
        let name = ServerName::try_from(server.host().name().to_owned())
            .map_err(|error| Error::new(ErrorKind::Tls, error.to_string()))?;
        let stream = attempt
            .timeout(Step::TlsHandshake, self.tls.connect(name, tcp))
            .await?
            .map_err(|error| Failure::broken(&error))?;
        check_protocol(self.target(), &stream)?;
        Ok(Either::Left(stream))
    }
}

/// As libpq does, so that no other service of the same name is taken for a database.
fn check_protocol(target: &Target, stream: &TlsStream<TcpStream>) -> Result<(), Error> {
    let agreed = stream.get_ref().1.alpn_protocol();
    if target.uses_direct_tls() && agreed != Some(entra_pg_rustls::ALPN) {
        return Err(Error::new(
            ErrorKind::Tls,
            "the server did not agree on PostgreSQL's protocol in the TLS handshake",
        )
        .with_hint("sslnegotiation=direct needs PostgreSQL 17 or later: leave it out"));
    }
    Ok(())
}

async fn connect_tcp(address: SocketAddr, target: &Target) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    set_keepalive(&tcp, target)?;
    Ok(tcp)
}
