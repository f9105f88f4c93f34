//! Requests to cancel a query.

use entra_pg_core::connect::{Attempt, Failure, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connect::ADAPTER, dial::Upstream};
use crate::events;

/// Forwards a request to cancel over a separate, verified connection. The server's response is to close it.
pub(crate) async fn cancel(packet: &[u8], upstream: &Upstream) {
    let attempt = upstream.provider.attempt(ADAPTER);
    if let Err(failure) = forward(packet, upstream, &attempt).await {
        let error = failure.into_error("", &attempt);
        events::cancel_lost(upstream.target(), &error);
    }
}

async fn forward(packet: &[u8], upstream: &Upstream, attempt: &Attempt) -> Result<(), Failure> {
    let mut server = upstream.dial(attempt).await?;
    let sent = async {
        server.write_all(packet).await?;
        server.flush().await?;
        // The server closes the connection, without a response, once it has forwarded the request.
        server.read_u8().await.map(drop)
    };
    let _ = attempt.timeout(Step::Preparation, sent).await?;
    Ok(())
}
