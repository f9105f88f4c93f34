//! A socket or a port that clients connect to.

use std::{io, net::SocketAddr};

use entra_pg_core::{Error, ErrorKind};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use super::peer::{Admission, Peer};
use crate::response::Refusal;

pub(crate) type Client = Either<UnixStream, TcpStream>;

pub(crate) enum Listener {
    Unix {
        listener: UnixListener,
        own: Peer,
        admission: Admission,
    },
    Tcp(TcpListener),
}

impl Listener {
    /// Accepts the next client, and checks whether it may use the proxy.
    pub(crate) async fn accept(&self) -> io::Result<(Client, Result<(), Refusal>)> {
        match self {
            Self::Unix {
                listener,
                own,
                admission,
            } => {
                let (stream, _) = listener.accept().await?;
                let admitted = match Peer::of(&stream) {
                    Ok(peer) => admission.check(*own, peer),
                    Err(error) => Err(Refusal::unauthorized(&format!(
                        "cannot read the credentials of the client's process: {error}"
                    ))),
                };
                Ok((Either::Left(stream), admitted))
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Only latency suffers if this fails. A closed connection is noticed elsewhere.
                let _ = stream.set_nodelay(true);
                Ok((Either::Right(stream), Ok(())))
            }
        }
    }
}

/// Listens on a port of the loopback interface, and on no other: every client that reaches it can use the role.
pub(crate) fn bind_tcp(address: SocketAddr) -> Result<std::net::TcpListener, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::new(
            ErrorKind::Listen,
            format!("{} can be reached from other machines", address.ip()),
        )
        .with_hint("every client of the proxy can use the role: listen on 127.0.0.1 or ::1"));
    }
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another process listens there: choose another port, or 0 for a free one"
            }
            io::ErrorKind::PermissionDenied => "choose a port above 1023",
            _ => "choose another address",
        };
        Error::new(
            ErrorKind::Listen,
            format!("cannot listen on {address}: {error}"),
        )
        .with_hint(hint)
    })
}
