//! What counts as a host: one name or address that a certificate can be checked against.

use std::net::IpAddr;

use rustls_pki_types::ServerName;

use crate::{Error, ErrorKind};

const HINT: &str = "give the server's full name, as in myserver.postgres.database.azure.com";
const DEFAULT_PORT: u16 = 5432;

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
    fn new(name: String, port: u16) -> Self {
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

/// Reads libpq's lists: one port for all hosts, or one for each; an empty one is the default.
pub(super) fn list(names: &str, ports: &str) -> Result<Vec<Host>, Error> {
    let names: Vec<_> = names.split(',').map(bare).collect();
    let ports: Vec<_> = ports.split(',').map(port).collect::<Result<_, _>>()?;
    if ports.len() != 1 && ports.len() != names.len() {
        let (hosts, ports) = (names.len(), ports.len());
        return Err(
            invalid(&format!("{ports} ports are given for {hosts} hosts"))
                .with_hint("give one port for all hosts, or one for each, in the same order"),
        );
    }
    let hosts = names.into_iter().zip(ports.into_iter().cycle());
    hosts
        .map(|(name, port)| check(name).map(|()| Host::new(name.to_owned(), port)))
        .collect()
}

pub(super) fn check(name: &str) -> Result<(), Error> {
    let reason = if name.is_empty() {
        "no host is given"
    } else if name.contains('/') {
        "the host is a path; a Unix-domain socket has no TLS, and Azure has no sockets"
    } else if name.starts_with('.') || ServerName::try_from(name).is_err() {
        "the host is not a name that a certificate can be checked against"
    } else {
        return Ok(());
    };
    Err(invalid(reason).with_hint(HINT))
}

/// An address without the brackets that it wears in a URL.
fn bare(name: &str) -> &str {
    name.strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name)
}

fn port(text: &str) -> Result<u16, Error> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ if text.is_empty() => Ok(DEFAULT_PORT),
        _ => Err(invalid("the port is not a number from 1 to 65535")
            .with_hint("PostgreSQL's is 5432, PgBouncer's on Azure is 6432")),
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(names: &str, ports: &str) -> Result<String, String> {
        let hosts = list(names, ports).map_err(|error| error.message().to_owned())?;
        let hosts = hosts
            .iter()
            .map(|host| format!("{} {}", host.name, host.port));
        Ok(hosts.collect::<Vec<_>>().join(", "))
    }

    #[rstest]
    #[case("a", "", "a 5432")]
    #[case::one_port_for_all("a,b", "6432", "a 6432, b 6432")]
    #[case::one_for_each("a,b", "5433,6432", "a 5433, b 6432")]
    #[case::an_empty_one("a,b", ",6432", "a 5432, b 6432")]
    #[case::the_last_is_empty("a,b", "6432,", "a 6432, b 5432")]
    #[case::none("a,b", "", "a 5432, b 5432")]
    #[case::brackets("[::1],::2", "1,2", "::1 1, ::2 2")]
    fn lists_are_read_as_libpq_reads_them(
        #[case] names: &str,
        #[case] ports: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(read(names, ports).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("", "", "no host is given")]
    #[case::an_empty_host("a,,b", "", "no host is given")]
    #[case::the_last_is_empty("a,", "", "no host is given")]
    #[case::too_few_ports("a,b,c", "1,2", "2 ports are given for 3 hosts")]
    #[case::too_many_ports("a", "1,2", "2 ports are given for 1 host")]
    #[case::no_port("a,b", "1,x", "not a number")]
    #[case::zero("a,b", "0", "not a number")]
    #[case::a_socket("a,/tmp", "", "a path")]
    #[case::a_space("a, b", "", "not a name")]
    fn a_list_that_libpq_would_refuse_is_refused(
        #[case] names: &str,
        #[case] ports: &str,
        #[case] cause: &str,
    ) {
        let error = read(names, ports).expect_err("it is refused");
        assert!(error.contains(cause), "{error}");
    }
}
