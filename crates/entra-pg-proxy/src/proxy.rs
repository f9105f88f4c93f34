//! The handle of a running proxy, and what makes one.

use std::{
    fmt, future::Future, io, net::SocketAddr, os::unix::net::UnixListener, path::Path, sync::Arc,
    time::Duration,
};

use entra_pg_core::{
    Database, Error, ErrorKind, chain,
    observe::{client_refused, proxy_listens},
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    address::Address,
    connect::check,
    listener::{self, Listener},
    peer::{Admission, Peer},
    place::{self, Place},
    session::{Shared, serve},
};

const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_LOGINS: usize = 64;
/// After an accept failed, which is mostly for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(100);

/// A proxy that listens. Dropping it stops that and removes its socket; connections that are open go on until they end.
#[must_use = "a proxy that is dropped stops listening"]
pub struct Proxy {
    address: Address,
    shared: Arc<Shared>,
    clients: TaskTracker,
    /// Takes clients until `listening` is dropped.
    accepting: JoinHandle<Option<()>>,
    listening: DropGuard,
    place: Option<Place>,
}

/// Says what a proxy is to do.
#[derive(Debug)]
#[must_use = "nothing listens until one of the listen methods is called"]
pub struct Builder {
    database: Database,
    admission: Admission,
    client_timeout: Duration,
    most_logins: usize,
}

impl Builder {
    /// Only this process may connect through the socket (default: any process of the user who runs this one). For a port
    /// there is no such check.
    pub fn this_process_only(mut self) -> Self {
        self.admission = Admission::ThisProcess;
        self
    }

    /// How long a client may take to say who it is, and to take what the server says at first; 10 s by default.
    pub fn client_timeout(mut self, timeout: Duration) -> Self {
        self.client_timeout = timeout;
        self
    }

    /// How many clients may be logging in at the same time; 64 by default. Further ones wait to be accepted.
    pub fn most_logins(mut self, logins: usize) -> Self {
        self.most_logins = logins.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Listens on a socket in a new directory of mode 0700, which goes when the proxy does.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] when there is no place for it; [`ErrorKind::RootCertificates`] when no server could be verified;
    /// [`ErrorKind::Runtime`] outside of a Tokio runtime.
    pub fn listen_private(self) -> Result<Proxy, Error> {
        self.unix(place::PRIVATE_PORT, place::private)
    }

    /// Listens on a socket in this directory, which must be this user's and closed to others (mode 0700). If it does not exist it
    /// is made, and removed at the end unless something else is in it by then. `port` is a part of the socket's name. A socket
    /// that a killed process has left there is replaced.
    ///
    /// # Errors
    /// As [`listen_private`](Self::listen_private); [`ErrorKind::Listen`] also when the directory is open to others, its path
    /// too long, or the name taken.
    pub fn listen_unix(self, directory: impl AsRef<Path>, port: u16) -> Result<Proxy, Error> {
        let directory = directory.as_ref();
        self.unix(port, |user| place::within(directory, port, user))
    }

    /// Listens on a port of the loopback interface; port 0 takes a free one. Any user of this machine can then connect as
    /// the role: prefer a socket where the client knows sockets.
    ///
    /// # Errors
    /// As [`listen_private`](Self::listen_private); [`ErrorKind::Listen`] also when the port is taken, or the address can be
    /// reached from other machines.
    pub fn listen_tcp(self, address: SocketAddr) -> Result<Proxy, Error> {
        in_runtime()?;
        let listener = listener::tcp(address)?;
        let listen = || {
            let address = listener.local_addr()?;
            Ok((tokio::net::TcpListener::from_std(listener)?, address))
        };
        let (listener, address) = listen().map_err(|error| unusable(&error))?;
        self.start(Listener::Tcp(listener), Address::Tcp(address), None)
    }
    fn unix(
        self,
        port: u16,
        bind: impl FnOnce(u32) -> Result<(UnixListener, Place), Error>,
    ) -> Result<Proxy, Error> {
        in_runtime()?;
        let own = Peer::own().map_err(|error| unusable(&error))?;
        let (listener, place) = bind(own.user())?;
        let listener =
            tokio::net::UnixListener::from_std(listener).map_err(|error| unusable(&error))?;
        let admission = self.admission;
        let address = Address::Unix {
            directory: place.directory().to_owned(),
            port,
        };
        self.start(
            Listener::Unix {
                listener,
                own,
                admission,
            },
            address,
            Some(place),
        )
    }

    fn start(
        self,
        listener: Listener,
        address: Address,
        place: Option<Place>,
    ) -> Result<Proxy, Error> {
        check(&self.database)?;
        let shared = Arc::new(Shared {
            database: self.database,
            client_timeout: self.client_timeout,
            closing: CancellationToken::new(),
            last_error: watch::Sender::default(),
        });
        let (clients, stop) = (TaskTracker::new(), CancellationToken::new());
        let logins = Arc::new(Semaphore::new(self.most_logins));
        let accepting = accept(listener, logins, clients.clone(), Arc::clone(&shared));
        let accepting = tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
        proxy_listens(shared.database.target(), &address);
        Ok(Proxy {
            address,
            shared,
            clients,
            accepting,
            listening: stop.drop_guard(),
            place,
        })
    }
}

/// Takes clients as long as there is room for their logins. Ends only by being dropped.
async fn accept(
    listener: Listener,
    logins: Arc<Semaphore>,
    clients: TaskTracker,
    shared: Arc<Shared>,
) {
    // The semaphore is never closed.
    while let Ok(room) = Arc::clone(&logins).acquire_owned().await {
        match listener.accept().await {
            Ok((client, admitted)) => {
                clients.spawn(serve(client, admitted, room, Arc::clone(&shared)));
            }
            Err(error) => {
                client_refused(shared.database.target(), &chain(&error));
                sleep(BREATHER).await;
            }
        }
    }
}

impl Proxy {
    /// A proxy for this database.
    pub fn builder(database: Database) -> Builder {
        Builder {
            database,
            admission: Admission::SameUser,
            client_timeout: CLIENT_TIMEOUT,
            most_logins: MOST_LOGINS,
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How many clients are connected, those that are still logging in included.
    pub fn connections(&self) -> usize {
        self.clients.len()
    }

    /// Why the latest connect to the target failed; `None` once one has succeeded. For a pool that only says that time is up.
    pub fn last_error(&self) -> Option<Error> {
        self.shared.last_error.borrow().clone()
    }

    /// Waits until the latest connect to the target has failed, and says why: a client that runs out of patience knows so
    /// before the proxy does.
    pub async fn failure(&self) -> Error {
        let mut errors = self.shared.last_error.subscribe();
        loop {
            if let Some(error) = errors.borrow_and_update().clone() {
                return error;
            }
            // The sender lives as long as `self` does.
            let _ = errors.changed().await;
        }
    }

    /// Stops listening, and waits for open connections to end. If the future is dropped, they go on.
    pub async fn shutdown(self) {
        let Self {
            clients,
            accepting,
            listening,
            place,
            ..
        } = self;
        drop((listening, place));
        // Until this task has ended, the port is taken, and a client may still be.
        _ = accepting.await;
        clients.close();
        clients.wait().await;
    }

    /// Stops listening, and ends open connections; within a second or so.
    pub async fn close(self) {
        self.shared.closing.cancel();
        self.shutdown().await;
    }

    /// Serves until `stop` is done, then [shuts down](Self::shutdown).
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        stop.await;
        self.shutdown().await;
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("target", self.shared.database.target())
            .finish_non_exhaustive()
    }
}

fn in_runtime() -> Result<(), Error> {
    Handle::try_current().map(drop).map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            "a proxy needs a Tokio runtime to run in",
        )
        .with_hint("call this from within one")
    })
}

fn unusable(error: &io::Error) -> Error {
    Error::new(ErrorKind::Listen, format!("cannot listen: {error}"))
}
