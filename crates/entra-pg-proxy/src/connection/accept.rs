//! The accept loop.

use std::{io, sync::Arc, time::Duration};

use entra_pg_core::connect::chain;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::{
    episode::Episode,
    serve::{Shared, serve},
};
use crate::{
    events,
    listen::{Client, Listener},
    response::Refusal,
};

/// An accept mostly fails for want of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Without a failure for so long, the cause is gone.
const QUIET: Duration = Duration::from_secs(2);

/// Accepts clients as long as the waiting room has places, and spawns a task for each. Ends only by being dropped.
pub(crate) async fn accept(listener: Listener, clients: TaskTracker, shared: Arc<Shared>) {
    let (mut failing, mut crowded) = (Episode::new(QUIET), Episode::new(QUIET));
    loop {
        let next = async {
            shared.waiting_room.vacancy().await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            (failures, lasted) = failing.end() => {
                events::accept_recovered(shared.upstream.target(), failures, lasted);
                continue;
            }
        };
        match accepted {
            Ok((client, admitted)) => {
                let task = admit(client, admitted, &shared, &mut crowded);
                clients.spawn(task);
            }
            Err(error) if is_of_the_client(&error) => {
                events::client_left(shared.upstream.target(), "hung up");
            }
            Err(error) => {
                if failing.add(Instant::now()) {
                    events::accept_failed(shared.upstream.target(), &chain(&error));
                }
                // It holds a descriptor, for example.
                shared.waiting_room.dismiss_oldest();
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Gives the client a place. Those that may not be served have places of their own, and take none from others.
fn admit(
    client: Client,
    admitted: Result<(), Refusal>,
    shared: &Arc<Shared>,
    crowded: &mut Episode,
) -> impl Future<Output = ()> + use<> {
    let (room, is_ours) = match &admitted {
        Ok(()) => (&shared.waiting_room, true),
        Err(_) => (&shared.strangers, false),
    };
    let (place, is_full) = room.enter();
    if is_full && is_ours && crowded.add(Instant::now()) {
        events::waiting_room_full(shared.upstream.target(), room.capacity());
    }
    serve(client, admitted, place, Arc::clone(shared))
}

/// The client has gone already. The next one may be accepted at once.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionReset)
}
