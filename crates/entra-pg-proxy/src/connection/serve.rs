//! One client, from its first packet to its end.

use std::{future::pending, io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    cancel::cancel,
    connect::{Session, connect},
    dial::{Server, Upstream},
    first_packet::FirstPacket,
    first_request::{TokenQuoted, until_first_request},
    relay::relay,
    sessions::Running,
    startup::Startup,
    unserved::{Unserved, close_with},
    waiting_room::{Place, WaitingRoom},
};
use crate::{
    events,
    listen::Client,
    response::{Refusal, for_client},
};

/// How much a client may send before the server is ready, in bytes.
const MAX_EARLY_BYTES: usize = 16 * 1024;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What all connections of a proxy share.
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) startup_timeout: Duration,
    pub(crate) waiting_room: WaitingRoom,
    /// The waiting room of clients that may not be served.
    pub(crate) strangers: WaitingRoom,
    /// Has a permit for each concurrent login. Never closed.
    pub(crate) logins: Semaphore,
    /// Ends open connections.
    pub(crate) closing: CancellationToken,
}

/// Serves a client to its end. It keeps its place until the relay begins.
pub(crate) async fn serve(
    mut client: Client,
    admitted: Result<(), Refusal>,
    mut place: Place,
    shared: Arc<Shared>,
) {
    let starting = start(&mut client, admitted, &mut place, &shared);
    let Some(Some((mut server, startup_response, _running))) =
        shared.closing.run_until_cancelled(starting).await
    else {
        return;
    };
    drop(place);
    let relayed = async {
        match until_first_request(&mut client, &mut server, &startup_response).await {
            Ok(()) => relay(&mut client, &mut server).await,
            Err(TokenQuoted) => events::token_quoted(shared.upstream.target()),
        }
    };
    if shared.closing.run_until_cancelled(relayed).await.is_none() {
        let _ = timeout(CLOSE_TIMEOUT, server.shutdown()).await;
    }
}

/// Everything before the relay. `None` when the client has been served or rejected, or has disconnected.
async fn start(
    client: &mut Client,
    admitted: Result<(), Refusal>,
    place: &mut Place,
    shared: &Shared,
) -> Option<(Server, Bytes, Option<Running>)> {
    let packet = tokio::select! {
        // What has arrived is read before the client has to leave.
        biased;
        packet = first_packet(client, admitted, shared) => packet?,
        () = place.dismissed() => {
            events::client_left(shared.upstream.target(), "had to make room for others");
            return None;
        }
    };
    place.keep();
    match packet {
        FirstPacket::Startup(startup) => start_session(client, &startup, shared).await,
        FirstPacket::Cancel(packet) => {
            // Not behind logins, which may hang. The waiting room bounds how many there are.
            cancel(&packet, &shared.upstream).await;
            None
        }
        FirstPacket::Encryption => None,
    }
}

/// What the client wants. `None` when it is not served, and has been told so.
async fn first_packet(
    client: &mut Client,
    admitted: Result<(), Refusal>,
    shared: &Shared,
) -> Option<FirstPacket> {
    let packet = FirstPacket::read(client, shared.startup_timeout).await;
    // A client that may not be served is told so in response to its request, which is when clients read a response.
    let packet = packet.and_then(|packet| admitted.map(|()| packet).map_err(Unserved::from));
    match packet {
        Ok(packet) => Some(packet),
        Err(unserved) => {
            let log = match unserved {
                Unserved::Left(_) => events::client_left,
                _ => events::client_refused,
            };
            log(shared.upstream.target(), unserved.reason());
            unserved.close(client).await;
            None
        }
    }
}

async fn start_session(
    client: &mut Client,
    startup: &Startup,
    shared: &Shared,
) -> Option<(Server, Bytes, Option<Running>)> {
    let mut early = BytesMut::new();
    // Dropped when the client goes first; the core then keeps that as the last error.
    let connecting = async {
        let _login = shared.logins.acquire().await;
        connect(&shared.upstream, startup).await
    };
    let connected = tokio::select! {
        connected = connecting => connected,
        () = disconnected(client, &mut early) => return None,
    };
    match connected {
        Ok(Session {
            mut server,
            address,
            startup_response,
        }) => {
            // Before the client can know the key.
            let running = shared.upstream.sessions.add(&startup_response, address);
            let started = start_relay(client, &startup_response, &mut server, &early);
            let started = timeout(shared.startup_timeout, started).await;
            matches!(started, Ok(Ok(()))).then_some((server, startup_response, running))
        }
        Err(error) => {
            close_with(client, &for_client(&error)).await;
            None
        }
    }
}

/// Ends when the client disconnects. What it sends too early is kept for the server.
async fn disconnected(client: &mut Client, early: &mut BytesMut) {
    while early.len() < MAX_EARLY_BYTES {
        match client.read_buf(early).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    pending::<()>().await;
}

/// Sends each side what the other has sent so far.
async fn start_relay(
    client: &mut Client,
    startup_response: &[u8],
    server: &mut Server,
    early: &[u8],
) -> io::Result<()> {
    client.write_all(startup_response).await?;
    server.write_all(early).await?;
    server.flush().await
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
