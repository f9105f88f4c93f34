//! A proxy's socket, which only this user reaches. Windows has none.

use std::path::Path;

use entra_pg_core::Error;
use entra_pg_proxy::{Proxy, ProxyBuilder};

#[cfg(unix)]
pub(crate) fn private(proxy: ProxyBuilder) -> Result<Proxy, Error> {
    proxy.bind_private()
}

#[cfg(unix)]
pub(crate) fn in_directory(proxy: ProxyBuilder, directory: &Path) -> Result<Proxy, Error> {
    /// The port in the name of a socket.
    const PORT: u16 = 5432;
    proxy.bind_unix(directory, PORT)
}

#[cfg(not(unix))]
pub(crate) fn private(_proxy: ProxyBuilder) -> Result<Proxy, Error> {
    Err(no_sockets())
}

#[cfg(not(unix))]
pub(crate) fn in_directory(_proxy: ProxyBuilder, _directory: &Path) -> Result<Proxy, Error> {
    Err(no_sockets())
}

#[cfg(not(unix))]
fn no_sockets() -> Error {
    Error::new(
        entra_pg_core::ErrorKind::Listen,
        "this system has no sockets that only one user reaches",
    )
    .with_hint("use --port 0; any user of this machine can then connect as the role")
}
