//! Bytes, both ways.
//!
//! A client that says it has no more to say (a half-close) still gets all that the server has to say. A server that ends the
//! connection ends it for good; its last words reach the client first.

use std::{future::pending, io};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};

pub(crate) async fn relay<C, S>(client: &mut C, server: &mut S) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let upstream = async {
        // If this breaks, the server is gone, or the client is: the other direction sees the end of it.
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
        pending::<()>().await;
    };
    let downstream = async {
        let copied = copy(&mut from_server, &mut to_client).await;
        to_client.shutdown().await?;
        copied
    };
    tokio::select! {
        () = upstream => Ok(()),
        ended = downstream => match ended {
            // PostgreSQL does not always say goodbye in TLS.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(()),
        },
    }
}
