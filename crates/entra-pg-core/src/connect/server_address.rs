//! Where one connection leads.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::Host;

/// An address of one of a target's hosts. The server's certificate is checked against the host's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    host: Host,
    address: SocketAddr,
}

impl ServerAddress {
    pub(super) fn new(host: Host, address: SocketAddr) -> Self {
        Self { host, address }
    }

    /// Returns the host, as the target names it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the address and the port to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// As errors name it: `db.example (10.0.0.4:5432)`.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, address) = (self.host.name(), self.address);
        match name.parse::<IpAddr>() {
            Ok(ip) if address.ip() == ip => address.fmt(f),
            _ => write!(f, "{name} ({address})"),
        }
    }
}
