//! A socket or a port that clients connect to.

use std::{io, net::SocketAddr};

use entra_pg_core::{Error, ErrorKind};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio_util::either::Either;

#[cfg(unix)]
use super::peer::{Admission, Peer};
use crate::response::Refusal;

#[cfg(unix)]
pub(crate) type Client = Either<UnixStream, TcpStream>;
/// Clients of ports only.
#[cfg(not(unix))]
pub(crate) type Client = Either<TcpStream, TcpStream>;

pub(crate) enum Listener {
    #[cfg(unix)]
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
            #[cfg(unix)]
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

/// Makes a listening socket non-blocking, and its queue as long as the system allows, which caps the number. The standard
/// library's queue for TCP holds 128 clients: more at once would wait a second or more for their next attempt.
pub(super) fn prepare<'l, L>(listener: &'l L) -> io::Result<()>
where
    SockRef<'l>: From<&'l L>,
{
    let socket = SockRef::from(listener);
    socket.set_nonblocking(true)?;
    socket.listen(i32::MAX)
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
        prepare(&listener)?;
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

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpStream, time::Duration};

    use socket2::{Domain, SockAddr, Socket, Type};

    use super::*;
    use crate::listen::{address::socket_path, bind_private, socket_file::PRIVATE_PORT};

    /// More than the standard library's queue holds, if the system allows more.
    fn crowd() -> usize {
        let limit = fs::read_to_string("/proc/sys/net/core/somaxconn");
        let limit = limit.ok().and_then(|limit| limit.trim().parse().ok());
        limit.unwrap_or(128).min(300)
    }

    #[test]
    fn a_crowd_waits_at_the_port_and_none_of_it_is_turned_away() {
        let listener = bind_tcp(([127, 0, 0, 1], 0).into()).expect("listens");
        let address = listener.local_addr().expect("an address");
        // Where the queue is full the kernel drops the request, and the client repeats it without end.
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(30));
        let clients: Result<Vec<_>, _> = (0..crowd()).map(connect).collect();
        assert_eq!(clients.expect("all fit").len(), crowd());
    }

    #[tokio::test]
    async fn a_crowd_waits_at_the_socket_and_none_of_it_is_turned_away() {
        let own = Peer::own().expect("credentials");
        let (_listener, file) = bind_private(own.user()).expect("listens");
        let path = socket_path(file.directory(), PRIVATE_PORT);
        let connect = |_| {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            // Where the queue is full this fails at once.
            socket.set_nonblocking(true)?;
            socket.connect(&SockAddr::unix(&path)?)?;
            Ok::<_, io::Error>(socket)
        };
        let clients: Result<Vec<_>, _> = (0..crowd()).map(connect).collect();
        assert_eq!(clients.expect("all fit").len(), crowd());
    }
}
