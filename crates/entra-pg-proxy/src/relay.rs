//! Bytes, both ways.
//!
//! A client that says it has no more to say (a half-close) still gets all that the server has to say. A server that ends the
//! connection ends it for good; its last words reach the client first.

use std::future::pending;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};

pub(crate) async fn relay<C, S>(client: &mut C, server: &mut S)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    // How a direction ends is not told: whoever is left sees the end, and says more about it than could be said here.
    let upstream = async {
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
        // The server may still have something to say, even to one that has broken off.
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
