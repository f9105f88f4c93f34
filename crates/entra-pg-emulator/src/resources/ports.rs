//! Where the emulator listens. Always loopback.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream};

use crate::Error;

/// The host in URLs and in certificates, unless the builder sets another name for PostgreSQL's.
pub(crate) const HOST: &str = "localhost";

/// Below the usual ephemeral ports, so that no outgoing connection takes the port while PostgreSQL restarts.
const POSTGRES_PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The listeners of the emulator itself.
pub(crate) struct Listeners {
    pub(crate) plain: TcpListener,
    pub(crate) secure: Vec<TcpListener>,
    pub(crate) ldap: TcpListener,
}

impl Listeners {
    pub(crate) async fn bind() -> Result<Self, Error> {
        let bind = || async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            listener.map_err(Error::io("listen on 127.0.0.1"))
        };
        let (plain, secure, ldap) = (bind().await?, bind().await?, bind().await?);
        // Clients may resolve `localhost` to `::1` and try nothing else.
        let ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port(&secure)?)).await;
        Ok(Self {
            plain,
            secure: [secure].into_iter().chain(ipv6).collect(),
            ldap,
        })
    }
}

pub(crate) fn port(listener: &TcpListener) -> Result<u16, Error> {
    let address = listener.local_addr();
    address
        .map(|address| address.port())
        .map_err(Error::io("find the port of a listener"))
}

/// Waits for the next connection. Accepting fails for want of file descriptors, most likely; then it waits and tries again.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(target: "entra_pg_emulator", "accept: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A port that is free at the moment, and whether it is free on `::1` as well.
pub(crate) fn free_port() -> Result<(u16, bool), Error> {
    for _ in 0..200 {
        let port = fastrand::u16(POSTGRES_PORTS);
        if StdListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
            continue;
        }
        match StdListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Ok(_) => return Ok((port, true)),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(_) => return Ok((port, false)),
        }
    }
    Err(Error::Configuration(
        "no free TCP port was found on 127.0.0.1; stop the programs that use them, or try again later"
            .into(),
    ))
}
