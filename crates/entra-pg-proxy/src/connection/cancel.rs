//! Requests to cancel a query.

use entra_pg_core::{
    Error,
    observe::{Connect, Step},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{attempt::Attempt, connect::ADAPTER, dial::dial, serve::Shared};
use crate::events;

/// Forwards a request to cancel over its own verified connection. The server's response is to close it.
pub(crate) async fn cancel(packet: &[u8], shared: &Shared) {
    if let Err(error) = forward(packet, shared).await {
        events::cancel_lost(shared.database.target(), &error);
    }
}

async fn forward(packet: &[u8], shared: &Shared) -> Result<(), Error> {
    let target = shared.database.target();
    let unwatched = Connect::new(ADAPTER, target);
    let mut attempt = Attempt::new(&unwatched, target);
    let mut server = dial(target, &shared.tls, &mut attempt).await?;
    let sent = async {
        server.write_all(packet).await?;
        server.flush().await?;
        // The server closes without a word once it has passed the request on.
        server.read_u8().await.map(drop)
    };
    let _ = attempt.bound(Step::Preparation, sent).await?;
    Ok(())
}
