//! Requests to cancel a query.

use entra_pg_core::connect::{Attempt, Failure, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connect::ADAPTER, dial::dial, serve::Shared};
use crate::events;

/// Forwards a request to cancel over its own verified connection. The server's response is to close it.
pub(crate) async fn cancel(packet: &[u8], shared: &Shared) {
    let attempt = shared.provider.attempt(ADAPTER);
    if let Err(failure) = forward(packet, shared, &attempt).await {
        let error = failure.into_error("", &attempt);
        events::cancel_lost(shared.provider.target(), &error);
    }
}

async fn forward(packet: &[u8], shared: &Shared, attempt: &Attempt) -> Result<(), Failure> {
    let mut server = dial(shared.provider.target(), &shared.tls, attempt).await?;
    let sent = async {
        server.write_all(packet).await?;
        server.flush().await?;
        // The server closes without a word once it has passed the request on.
        server.read_u8().await.map(drop)
    };
    let _ = attempt.timeout(Step::Preparation, sent).await?;
    Ok(())
}
