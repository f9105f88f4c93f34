//! A proxy's settings, and how it begins to listen.

use std::{io, net::SocketAddr, time::Duration};

use entra_pg_core::{Error, ErrorKind, LoginProvider};
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use crate::listen::Admission;
use crate::{
    connection::{Shared, Upstream, WaitingRoom},
    listen::{Address, Listener, SocketFile, bind_tcp},
    proxy::Proxy,
};

#[cfg(unix)]
mod socket;

const STARTUP_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_CONCURRENT_LOGINS: usize = 64;
const MAX_WAITING_CLIENTS: usize = 256;
/// For a client to send its startup packet, even if others wait for its place.
const GRACE: Duration = Duration::from_millis(500);
/// The places of clients that may not be served, until they have read so.
const MAX_STRANGERS: usize = 32;

/// Configures a [`Proxy`] and starts it, with one of the `bind` methods. They block while they read the
/// platform's root certificates, unless the target has its own: for milliseconds, or for 5 s at most where a mount is dead.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let identity = entra_pg_proxy::entra_pg_core::ManagedIdentity::SystemAssigned;
/// use std::time::Duration;
///
/// use entra_pg_proxy::{Entra, Proxy};
///
/// # let entra = Entra::managed_identity(identity)?;
/// # let provider = entra.login_provider("postgres://app@localhost/orders")?;
/// let builder = Proxy::builder(provider)
///     .startup_timeout(Duration::from_secs(5))
///     .max_concurrent_logins(16)
///     .max_waiting_clients(100);
/// let tcp = builder.clone().bind_tcp(([127, 0, 0, 1], 0).into())?;
/// let directory = std::env::temp_dir().join(format!("example-{}", std::process::id()));
/// let socket = builder.clone().bind_unix(&directory, 5432)?;
/// let private = builder.this_process_only().bind_private()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing listens until one of the bind methods is called"]
pub struct ProxyBuilder {
    provider: LoginProvider,
    #[cfg(unix)]
    admission: Admission,
    startup_timeout: Duration,
    max_concurrent_logins: usize,
    max_waiting_clients: usize,
}

impl Proxy {
    /// Returns a builder for a proxy to the provider's target.
    pub fn builder(provider: LoginProvider) -> ProxyBuilder {
        ProxyBuilder {
            provider,
            #[cfg(unix)]
            admission: Admission::SameUser,
            startup_timeout: STARTUP_TIMEOUT,
            max_concurrent_logins: MAX_CONCURRENT_LOGINS,
            max_waiting_clients: MAX_WAITING_CLIENTS,
        }
    }
}

impl ProxyBuilder {
    /// Limits the time for a client to send its startup packet, and to read the server's response to it; 10 s by default.
    pub fn startup_timeout(mut self, timeout: Duration) -> Self {
        self.startup_timeout = timeout;
        self
    }

    /// Limits how many clients log in at the same time; 64 by default, and at least one. Further ones wait for their
    /// turn.
    pub fn max_concurrent_logins(mut self, logins: usize) -> Self {
        self.max_concurrent_logins = logins.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Limits how many clients wait for their login, or have sent no startup packet yet; 256 by default. Further ones wait to
    /// be accepted. When all have a place, the one that has sent nothing for the longest time is closed, after half a second
    /// at the earliest, so that silent clients keep nobody out.
    pub fn max_waiting_clients(mut self, clients: usize) -> Self {
        self.max_waiting_clients = clients;
        self
    }

    /// Listens on a port of the loopback interface; port 0 takes a free one.
    ///
    /// Any user of this machine can then connect as the role: prefer a socket if the client supports sockets.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] if the port is taken, or the address can be reached from other machines;
    /// [`ErrorKind::RootCertificates`] if no server could be verified; [`ErrorKind::Runtime`] outside of a Tokio runtime.
    pub fn bind_tcp(self, address: SocketAddr) -> Result<Proxy, Error> {
        in_runtime()?;
        let listener = bind_tcp(address)?;
        let bind = || {
            let address = listener.local_addr()?;
            Ok((tokio::net::TcpListener::from_std(listener)?, address))
        };
        let (listener, address) = bind().map_err(|error| unusable(&error))?;
        self.start(Listener::Tcp(listener), Address::Tcp(address), None)
    }

    fn start(
        self,
        listener: Listener,
        address: Address,
        file: Option<SocketFile>,
    ) -> Result<Proxy, Error> {
        let logins = self.max_concurrent_logins;
        let places = logins.saturating_add(self.max_waiting_clients);
        let shared = Shared {
            upstream: Upstream::new(self.provider)?,
            startup_timeout: self.startup_timeout,
            waiting_room: WaitingRoom::new(places, GRACE),
            strangers: WaitingRoom::new(MAX_STRANGERS, Duration::ZERO),
            logins: Semaphore::new(logins),
            closing: CancellationToken::new(),
        };
        Ok(Proxy::start(listener, address, file, shared))
    }
}

fn in_runtime() -> Result<(), Error> {
    Handle::try_current().map(drop).map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            "a proxy needs a Tokio runtime to run in",
        )
        .with_hint("call this from a task of a Tokio runtime")
    })
}

fn unusable(error: &io::Error) -> Error {
    Error::new(ErrorKind::Listen, format!("cannot listen: {error}"))
}
