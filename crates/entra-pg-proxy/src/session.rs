//! One client, from its first packet to its end.

use std::{future::pending, io, sync::Arc, time::Duration};

use bytes::BytesMut;
use entra_pg_core::{
    Database, Error,
    observe::{Connect, Step, cancel_lost, client_refused},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::Attempt,
    connect::{Session, connect},
    dial::{Server, dial},
    listener::Client,
    relay::relay,
    response::Refusal,
    startup::{Opening, Startup, length_after, parse},
};

/// How the proxy's connects are called in logs and metrics.
const ADAPTER: &str = "proxy";
/// The answer to a request for encryption: none here, go on.
const NO_ENCRYPTION: &[u8] = b"N";
/// A client asks for TLS, then for GSS, then goes on without.
const MOST_PACKETS: usize = 3;
/// What a client may say before it is answered, in bytes.
const LONGEST_EARLY: usize = 16 * 1024;
/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all clients of a proxy share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) client_timeout: Duration,
    /// Ends open connections.
    pub(crate) closing: CancellationToken,
    pub(crate) last_error: watch::Sender<Option<Error>>,
}

impl Shared {
    fn remember(&self, error: Option<Error>) {
        self.last_error.send_replace(error);
    }
}

/// Serves a client to its end. `room` is its place among those that are not logged in yet.
pub(crate) async fn serve(
    mut client: Client,
    admitted: Result<(), Refusal>,
    room: OwnedSemaphorePermit,
    shared: Arc<Shared>,
) {
    let begun = begin(&mut client, admitted, &shared);
    let Some(Some(mut server)) = shared.closing.run_until_cancelled(begun).await else {
        return;
    };
    drop(room);
    let relayed = relay(&mut client, &mut server);
    if shared.closing.run_until_cancelled(relayed).await.is_none() {
        let _ = timeout(FAREWELL, server.shutdown()).await;
    }
}

/// Up to where only bytes are to be copied. `None` when the client has had its answer, or has gone.
async fn begin(
    client: &mut Client,
    admitted: Result<(), Refusal>,
    shared: &Shared,
) -> Option<Server> {
    let opening = match (open(client, shared.client_timeout).await, admitted) {
        (Ok(opening), Ok(())) => opening?,
        (Ok(None), Err(_)) => return None,
        (Err(refusal), _) | (Ok(Some(_)), Err(refusal)) => {
            client_refused(shared.database.target(), refusal.message());
            dismiss(client, &refusal.encode()).await;
            return None;
        }
    };
    match opening {
        Opening::Startup(startup) => log_in(client, &startup, shared).await,
        Opening::Cancel(packet) => {
            cancel(&packet, shared).await;
            None
        }
        Opening::Encryption => None,
    }
}

/// Reads the first packet that is not about encryption. `None` when the client hangs up before.
async fn open(client: &mut Client, limit: Duration) -> Result<Option<Opening>, Refusal> {
    let read = async {
        for _ in 0..MOST_PACKETS {
            match read_packet(client).await? {
                Some(Opening::Encryption) => {
                    if client.write_all(NO_ENCRYPTION).await.is_err() {
                        return Ok(None);
                    }
                }
                other => return Ok(other),
            }
        }
        Err(Refusal::protocol(
            "the client asks for encryption again and again",
        ))
    };
    timeout(limit, read).await.unwrap_or_else(|_| {
        let limit = limit.as_secs_f64();
        Err(Refusal::protocol(&format!(
            "the client sent no startup packet within {limit} s"
        )))
    })
}

async fn read_packet(client: &mut Client) -> Result<Option<Opening>, Refusal> {
    let mut prefix = [0; 4];
    if client.read_exact(&mut prefix).await.is_err() {
        return Ok(None);
    }
    let mut rest = vec![0; length_after(prefix)?];
    match client.read_exact(&mut rest).await {
        Ok(_) => parse(prefix, &rest).map(Some),
        Err(_) => Ok(None),
    }
}

async fn log_in(client: &mut Client, startup: &Startup, shared: &Shared) -> Option<Server> {
    let target = shared.database.target();
    let watched = Connect::new(ADAPTER, target);
    let mut attempt = Attempt::new(&watched, target);
    let mut early = BytesMut::new();
    let connecting = Box::pin(connect(&shared.database, startup, &mut attempt));
    let connected = tokio::select! {
        connected = watched.run(connecting) => Some(connected),
        () = gone(client, &mut early) => None,
    };
    match connected {
        None => {
            shared.remember(Some(attempt.abandoned()));
            None
        }
        Some(Err(failure)) => {
            shared.remember(Some(failure.error));
            dismiss(client, &failure.response).await;
            None
        }
        Some(Ok(Session {
            mut server,
            greeting,
        })) => {
            shared.remember(None);
            let introduced = introduce(client, &greeting, &mut server, &early);
            let introduced = timeout(shared.client_timeout, introduced).await;
            matches!(introduced, Ok(Ok(()))).then_some(server)
        }
    }
}

/// Ends when the client hangs up; what it says too early is kept for the server.
async fn gone(client: &mut Client, early: &mut BytesMut) {
    while early.len() < LONGEST_EARLY {
        match client.read_buf(early).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    pending::<()>().await;
}

/// Gives each side what the other has said so far.
async fn introduce(
    client: &mut Client,
    greeting: &[u8],
    server: &mut Server,
    early: &[u8],
) -> io::Result<()> {
    client.write_all(greeting).await?;
    server.write_all(early).await?;
    server.flush().await
}

/// Says why, and waits a moment for the client to have read it: whoever closes with unread bytes takes back what he said.
async fn dismiss(client: &mut Client, response: &[u8]) {
    let farewell = async {
        client.write_all(response).await?;
        client.shutdown().await?;
        tokio::io::copy(
            &mut client.take(LONGEST_EARLY as u64),
            &mut tokio::io::sink(),
        )
        .await
    };
    let _ = timeout(FAREWELL, farewell).await;
}

/// Forwards a request to cancel, over a verified connection of its own. The answer to it is that the connection is closed.
async fn cancel(packet: &[u8], shared: &Shared) {
    let target = shared.database.target();
    let unwatched = Connect::new(ADAPTER, target);
    let mut attempt = Attempt::new(&unwatched, target);
    let forward = async {
        let mut server = dial(target, &mut attempt).await?;
        let sent = async {
            server.write_all(packet).await?;
            server.flush().await?;
            // The server closes without a word once it has passed the request on.
            server.read_u8().await.map(drop)
        };
        let _ = attempt.bound(Step::Preparation, sent).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = forward.await {
        cancel_lost(target, &error);
    }
}
