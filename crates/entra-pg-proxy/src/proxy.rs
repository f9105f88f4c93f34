//! The handle of a running proxy.

use std::{fmt, future::Future, pin::pin, sync::Arc, time::Duration};

use entra_pg_core::Error;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    connection::{Shared, accept},
    events,
    listen::{Address, Listener, SocketFile},
};

/// A running proxy. Dropping it stops listening and removes the socket; open connections continue until they end.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let identity = entra_pg_proxy::entra_pg_core::ManagedIdentity::SystemAssigned;
/// use entra_pg_proxy::{Entra, Proxy};
///
/// # let entra = Entra::managed_identity(identity)?;
/// # let provider = entra.login_provider("postgres://app@localhost/orders")?;
/// let proxy = Proxy::builder(provider).bind_private()?;
/// println!("psql 'host={} port={}'", proxy.address().host(), proxy.address().port());
/// assert_eq!(proxy.active_connections(), 0);
/// assert!(proxy.last_error().is_none());
///
/// proxy.serve_until(async { /* for example, until Ctrl-C */ }).await;
/// # Ok(())
/// # }
/// ```
#[must_use = "a proxy that is dropped stops listening"]
pub struct Proxy {
    address: Address,
    shared: Arc<Shared>,
    clients: TaskTracker,
    /// Accepts clients until `listening` is dropped.
    accepting: JoinHandle<Option<()>>,
    listening: DropGuard,
    file: Option<SocketFile>,
}

impl Proxy {
    pub(crate) fn start(
        listener: Listener,
        address: Address,
        file: Option<SocketFile>,
        shared: Shared,
    ) -> Self {
        let shared = Arc::new(shared);
        let (clients, stop) = (TaskTracker::new(), CancellationToken::new());
        let accepting = accept(listener, clients.clone(), Arc::clone(&shared));
        let accepting = tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
        events::listening(shared.upstream.target(), &address);
        Self {
            address,
            shared,
            clients,
            accepting,
            listening: stop.drop_guard(),
            file,
        }
    }

    /// Returns where clients connect.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the number of connected clients, including those that are logging in or have sent nothing yet.
    pub fn active_connections(&self) -> usize {
        self.clients.len()
    }

    /// Returns the error of the latest connect to the server, or `None` if it succeeded.
    pub fn last_error(&self) -> Option<Error> {
        self.shared.upstream.provider.last_error()
    }

    /// Waits until a connect to the server has failed, and returns its error. If the latest one has failed already, that is
    /// at once. Cancel safe.
    ///
    /// A driver that reports only a timeout may do so a moment before the connect behind it fails.
    pub async fn next_error(&self) -> Error {
        self.shared.upstream.provider.next_error().await
    }

    /// Stops listening, and waits for open connections to end, however long that takes. If the future is dropped, they continue.
    pub async fn shutdown(self) {
        let Self {
            clients,
            accepting,
            listening,
            file,
            ..
        } = self;
        drop((listening, file));
        // Until this task has ended, the port is taken, and a client may still be accepted.
        _ = accepting.await;
        clients.close();
        clients.wait().await;
    }

    /// Stops listening, waits for open connections to end, and closes those that are left after `grace`. If the future is
    /// dropped, they continue.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(proxy: entra_pg_proxy::Proxy) {
    /// // Kubernetes kills what has not ended 30 s after SIGTERM.
    /// proxy.shutdown_within(Duration::from_secs(25)).await;
    /// # }
    /// ```
    pub async fn shutdown_within(self, grace: Duration) {
        let closing = self.shared.closing.clone();
        let mut shutdown = pin!(self.shutdown());
        if timeout(grace, &mut shutdown).await.is_err() {
            closing.cancel();
            shutdown.await;
        }
    }

    /// Stops listening, and closes open connections, within about a second.
    pub async fn close(self) {
        self.shared.closing.cancel();
        self.shutdown().await;
    }

    /// Serves until `stop` completes, then [shuts down](Self::shutdown), which takes as long as the last connection is open.
    pub async fn serve_until(self, stop: impl Future<Output = ()>) {
        stop.await;
        self.shutdown().await;
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("target", self.shared.upstream.target())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Address, Proxy, ProxyBuilder};

    #[test]
    fn public_types_are_send_and_sync() {
        fn check<T: Send + Sync>() {}
        check::<Proxy>();
        check::<ProxyBuilder>();
        check::<Address>();
    }
}
