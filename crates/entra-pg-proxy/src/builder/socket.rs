//! The sockets of Unix, which only this user reaches.

use std::{os::unix::net::UnixListener, path::Path};

use entra_pg_core::Error;
#[cfg(doc)]
use entra_pg_core::ErrorKind;

use super::{ProxyBuilder, in_runtime, unusable};
use crate::{
    listen::{Address, Admission, Listener, PRIVATE_PORT, Peer, SocketFile, bind_in, bind_private},
    proxy::Proxy,
};

impl ProxyBuilder {
    /// Accepts only this process on the socket; by default, all processes of the user who runs this one. Does not apply to a
    /// port. For Unix.
    pub fn this_process_only(mut self) -> Self {
        self.admission = Admission::ThisProcess;
        self
    }

    /// Listens on a socket in a new directory of mode 0700, which is removed with the proxy. For Unix.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] if the socket cannot be created; [`ErrorKind::RootCertificates`] if no server could be verified;
    /// [`ErrorKind::Runtime`] outside of a Tokio runtime.
    pub fn bind_private(self) -> Result<Proxy, Error> {
        self.bind_socket(PRIVATE_PORT, bind_private)
    }

    /// Listens on a socket in this directory, which must belong to this user and be closed to others (mode 0700). For Unix.
    ///
    /// A directory that does not exist is created, and removed at the end if it is empty by then. The port is a part of the
    /// socket's name. A socket that a killed process has left there is replaced.
    ///
    /// # Errors
    /// As [`bind_private`](Self::bind_private); [`ErrorKind::Listen`] also if the directory is open to others or they could
    /// replace it, its path too long, or the name taken.
    pub fn bind_unix(self, directory: impl AsRef<Path>, port: u16) -> Result<Proxy, Error> {
        let directory = directory.as_ref();
        self.bind_socket(port, |user| bind_in(directory, port, user))
    }

    fn bind_socket(
        self,
        port: u16,
        bind: impl FnOnce(u32) -> Result<(UnixListener, SocketFile), Error>,
    ) -> Result<Proxy, Error> {
        in_runtime()?;
        let own = Peer::own().map_err(|error| unusable(&error))?;
        let (listener, file) = bind(own.user())?;
        let listener =
            tokio::net::UnixListener::from_std(listener).map_err(|error| unusable(&error))?;
        let admission = self.admission;
        let address = Address::Unix {
            directory: file.directory().to_owned(),
            port,
        };
        let listener = Listener::Unix {
            listener,
            own,
            admission,
        };
        self.start(listener, address, Some(file))
    }
}
