//! Where clients connect.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Where a proxy listens, in the terms in which clients are told: libpq's `host` and `port`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A Unix-domain socket. Its file is `.s.PGSQL.PORT` in this directory.
    Unix {
        /// What clients take as the host.
        directory: PathBuf,
        /// A part of the file's name, no more.
        port: u16,
    },
    /// A port of the loopback interface.
    Tcp(SocketAddr),
}

impl Address {
    /// libpq's `host`: the directory, or the IP address without brackets.
    pub fn host(&self) -> String {
        match self {
            Self::Unix { directory, .. } => directory.display().to_string(),
            Self::Tcp(address) => address.ip().to_string(),
        }
    }

    /// libpq's `port`.
    pub fn port(&self) -> u16 {
        match self {
            Self::Unix { port, .. } => *port,
            Self::Tcp(address) => address.port(),
        }
    }
}

/// The socket's file, or address and port.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { directory, port } => socket(directory, *port).display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// The name that clients of PostgreSQL expect.
pub(crate) fn socket(directory: &Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}
