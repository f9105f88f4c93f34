//! Bytes, copied in both directions.
//!
//! A client that half-closes its side still gets everything that the server sends. A server that closes its side ends the
//! connection, after its last bytes have reached the client.

use std::future::pending;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};

pub(crate) async fn relay<C, S>(client: &mut C, server: &mut S)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    // Errors are dropped: the other side sees the end, and can report more about it than this.
    let upstream = async {
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
        // The server may still send something, even after the client's side is broken.
        pending::<()>().await;
    };
    let downstream = async {
        let _ = copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = upstream => {}
        () = downstream => {}
    }
}
