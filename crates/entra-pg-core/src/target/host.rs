//! What counts as a host: one name or address that a certificate can be checked against.

use std::net::IpAddr;

use rustls_pki_types::ServerName;

use crate::{Error, ErrorKind};

const HINT: &str = "give the server's full name, as in myserver.postgres.database.azure.com";

/// One server of a [`Target`](crate::Target): a name and a TCP port.
///
/// ```
/// # fn main() -> Result<(), entra_pg_core::Error> {
/// let target = entra_pg_core::Target::parse("postgres://app@db.example:6432/orders")?;
/// let host = &target.hosts()[0];
/// assert_eq!((host.name(), host.port()), ("db.example", 6432));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: String,
    port: u16,
}

impl Host {
    pub(super) fn new(name: String, port: u16) -> Self {
        Self { name, port }
    }

    /// Returns the server's name, as it must stand in its certificate. An IPv6 address has no brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the server's TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.name.eq_ignore_ascii_case("localhost")
            || self
                .name
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

pub(super) fn check(name: &str) -> Result<(), Error> {
    let reason = if name.is_empty() {
        "no host is given"
    } else if name.contains(',') {
        "several hosts are given; only one can be used"
    } else if name.contains('/') {
        "the host is a path; a Unix-domain socket has no TLS, and Azure has no sockets"
    } else if name.starts_with('.') || ServerName::try_from(name).is_err() {
        "the host is not a name that a certificate can be checked against"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidTarget, reason).with_hint(HINT))
}

/// An address without the brackets that it wears in a URL.
pub(super) fn bare(name: &str) -> &str {
    name.strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name)
}
