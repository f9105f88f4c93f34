//! Where the emulator listens. Always loopback.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream};

use crate::Error;

/// What clients call the machine. Its certificate carries the same name unless the builder says otherwise.
pub(crate) const HOST: &str = "localhost";

/// Below the usual ephemeral ports, so that no outgoing connection takes the port while PostgreSQL restarts.
const POSTGRES_PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The listeners of the emulator itself.
pub(crate) struct Listeners {
    pub(crate) plain: TcpListener,
    pub(crate) secure: Vec<TcpListener>,
    pub(crate) ldap: TcpListener,
    pub(crate) ports: Ports,
}

/// Their ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) secure: u16,
    pub(crate) ldap: u16,
}

impl Listeners {
    pub(crate) async fn bind() -> Result<Self, Error> {
        let (plain, plain_port) = bind_any().await?;
        let (secure, secure_port) = bind_any().await?;
        let (ldap, ldap_port) = bind_any().await?;
        let mut secure = vec![secure];
        // Clients may resolve `localhost` to `::1` and try nothing else.
        secure.extend(
            TcpListener::bind((Ipv6Addr::LOCALHOST, secure_port))
                .await
                .ok(),
        );
        let ports = Ports {
            plain: plain_port,
            secure: secure_port,
            ldap: ldap_port,
        };
        Ok(Self {
            plain,
            secure,
            ldap,
            ports,
        })
    }
}

async fn bind_any() -> Result<(TcpListener, u16), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(Error::io("listen on 127.0.0.1"))?;
    let port = listener
        .local_addr()
        .map_err(Error::io("listen on 127.0.0.1"))?
        .port();
    Ok((listener, port))
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
        "no free TCP port was found on 127.0.0.1; end what holds them, or wait and start again"
            .into(),
    ))
}
