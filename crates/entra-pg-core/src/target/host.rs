//! What counts as a host: one name or address that a certificate can be checked against.

use std::net::IpAddr;

use rustls::pki_types::ServerName;

use crate::{Error, ErrorKind};

const HINT: &str = "give the server's full name, as in myserver.postgres.database.azure.com";

pub(super) fn check(host: &str) -> Result<(), Error> {
    let reason = if host.is_empty() {
        "no host is given"
    } else if host.contains(',') {
        "several hosts are given; only one can be used"
    } else if host.contains('/') {
        "the host is a path; a Unix-domain socket has no TLS, and Azure has no sockets"
    } else if host.starts_with('.') || ServerName::try_from(host).is_err() {
        "the host is not a name that a certificate can be checked against"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidTarget, reason).with_hint(HINT))
}

/// An address without the brackets that it wears in a URL.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
