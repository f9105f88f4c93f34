//! The address of a proxy.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Where clients connect to a proxy.
///
/// [`host`](Self::host) and [`port`](Self::port) are libpq's parameters of these names. `Display` shows the socket's file, or
/// address and port.
///
/// ```
/// use entra_pg_proxy::Address;
///
/// let address = Address::Tcp(([127, 0, 0, 1], 6432).into());
/// assert_eq!((address.host().as_str(), address.port()), ("127.0.0.1", 6432));
///
/// let address = Address::Unix { directory: "/run/app".into(), port: 5432 };
/// assert_eq!(address.host(), "/run/app");
/// assert_eq!(address.to_string(), "/run/app/.s.PGSQL.5432");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A Unix-domain socket. Its file is `.s.PGSQL.PORT` in this directory.
    Unix {
        /// The directory, which clients use as the host.
        directory: PathBuf,
        /// The number at the end of the file's name.
        port: u16,
    },
    /// A port of the loopback interface.
    Tcp(SocketAddr),
}

impl Address {
    /// Returns libpq's `host`: the directory, or the IP address without brackets.
    pub fn host(&self) -> String {
        match self {
            Self::Unix { directory, .. } => directory.display().to_string(),
            Self::Tcp(address) => address.ip().to_string(),
        }
    }

    /// Returns libpq's `port`.
    pub fn port(&self) -> u16 {
        match self {
            Self::Unix { port, .. } => *port,
            Self::Tcp(address) => address.port(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { directory, port } => socket_path(directory, *port).display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// The name that clients of PostgreSQL expect.
pub(crate) fn socket_path(directory: &Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}
