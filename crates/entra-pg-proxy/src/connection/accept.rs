//! The accept loop.

use std::{sync::Arc, time::Duration};

use entra_pg_core::connect::chain;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::task::TaskTracker;

use super::serve::{Shared, serve};
use crate::{events, listen::Listener};

/// An accept mostly fails for want of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Accepts clients as long as `logins` has permits, and spawns a task for each. Ends only by being dropped.
pub(crate) async fn accept(
    listener: Listener,
    logins: Arc<Semaphore>,
    clients: TaskTracker,
    shared: Arc<Shared>,
) {
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&logins).acquire_owned().await {
        match listener.accept().await {
            Ok((client, admitted)) => {
                clients.spawn(serve(client, admitted, permit, Arc::clone(&shared)));
            }
            Err(error) => {
                events::client_refused(shared.upstream.target(), &chain(&error));
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}
