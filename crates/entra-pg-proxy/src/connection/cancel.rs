//! Requests to cancel a query.

use entra_pg_core::connect::{Attempt, Failure, ServerAddress, Step};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{connect::ADAPTER, dial::Upstream};
use crate::events;

/// Where the session's key begins in the packet, after its length and its code.
const KEY: usize = 8;

/// Forwards a request to cancel over a separate, verified connection. The server's response is to close it.
pub(crate) async fn cancel(packet: &[u8], upstream: &Upstream) {
    let attempt = upstream.provider.attempt(ADAPTER);
    if let Err(failure) = forward(packet, upstream, &attempt).await {
        let error = failure.into_error("", &attempt);
        events::cancel_lost(upstream.target(), &error);
    }
}

async fn forward(packet: &[u8], upstream: &Upstream, attempt: &Attempt) -> Result<(), Failure> {
    let dial = |address: ServerAddress, attempt: Attempt| async move {
        upstream.dial(&address, &attempt).await
    };
    let mut server = match upstream.sessions.server(&packet[KEY..]) {
        Some(address) => dial(address, attempt.clone()).await?,
        // Another proxy's session, perhaps of this process before it was started again.
        None => upstream.provider.reach(attempt, dial).await?,
    };
    send(packet, &mut server, attempt).await
}

async fn send(
    packet: &[u8],
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    attempt: &Attempt,
) -> Result<(), Failure> {
    let sent = async {
        server.write_all(packet).await?;
        server.flush().await
    };
    let sent = attempt.timeout(Step::Preparation, sent).await?;
    sent.map_err(|error| Failure::broken(&error))?;
    // The server closes the connection, without a response, once it has forwarded the request.
    let _ = attempt.timeout(Step::Preparation, server.read_u8()).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use entra_pg_core::Target;
    use tokio::io::duplex;

    use super::*;

    fn attempt() -> Attempt {
        let target = Target::parse("postgres://app@localhost/orders");
        Attempt::new("test", &target.expect("a target"))
    }

    #[tokio::test]
    async fn a_request_that_was_not_written_is_not_taken_for_sent() {
        let (mut server, gone) = duplex(64);
        drop(gone);
        send(b"cancel", &mut server, &attempt())
            .await
            .expect_err("nobody has got it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_not_taken_for_lost_when_the_server_is_slow_to_close() {
        let (mut server, _slow) = duplex(64);
        send(b"cancel", &mut server, &attempt())
            .await
            .expect("the server has got it");
    }
}
