//! From `ReadyForQuery` to the client's first request. A server has little to say then, and all of it is searched: one that quotes
//! the token there would hand it to the client.

use entra_pg_core::connect::quotes_token;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const BUFFER: usize = 8 * 1_024;
/// How much of what was sent is searched again with what follows: a piece of a token, in hexadecimal.
const TAIL: usize = 64;

/// The server has sent the token back. A part of it of at most 15 letters and digits may have reached the client.
#[derive(Debug)]
pub(crate) struct TokenQuoted;

/// Copies in both directions until the client's first request has been sent, or one side has ended, which the relay finds, too.
/// `sent` is what the client has got so far.
pub(crate) async fn until_first_request<C, S>(
    client: &mut C,
    server: &mut S,
    sent: &[u8],
) -> Result<(), TokenQuoted>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut searched = tail(sent).to_vec();
    let (mut of_server, mut of_client) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        tokio::select! {
            // What has come with `ReadyForQuery` is there already.
            biased;
            read = server.read(&mut of_server) => {
                let Ok(read @ 1..) = read else {
                    return Ok(());
                };
                let new = &of_server[..read];
                searched.extend_from_slice(new);
                if quotes_token(&searched) {
                    return Err(TokenQuoted);
                }
                if send(client, new).await.is_err() {
                    return Ok(());
                }
                searched = tail(&searched).to_vec();
            }
            read = client.read(&mut of_client) => {
                if let Ok(read) = read {
                    let _ = send(server, &of_client[..read]).await;
                }
                return Ok(());
            }
        }
    }
}

fn tail(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(TAIL)..]
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// The client's side and the server's, of which what came last is returned with what the client has got.
    async fn relayed(parts: &[&[u8]], sent: &[u8]) -> (Result<(), TokenQuoted>, Vec<u8>) {
        let (mut to_client, mut client) = duplex(64 * 1_024);
        let (mut to_server, mut server) = duplex(64 * 1_024);
        let parts = parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>();
        tokio::spawn(async move {
            for part in parts {
                server.write_all(&part).await.expect("room");
                tokio::task::yield_now().await;
            }
        });
        let result = until_first_request(&mut to_client, &mut to_server, sent).await;
        drop(to_client);
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.expect("the rest");
        (result, got)
    }

    #[tokio::test]
    async fn what_holds_no_token_passes_and_the_first_request_ends_it() {
        let (result, got) = relayed(&[b"N\0\0\0\x05\0", b"S\0"], b"Z\0\0\0\x05I").await;
        result.expect("no token");
        assert_eq!(got, b"N\0\0\0\x05\0S\0");

        let (mut to_client, mut client) = duplex(64);
        let (mut to_server, mut server) = duplex(64);
        client.write_all(b"Q").await.expect("room");
        until_first_request(&mut to_client, &mut to_server, b"")
            .await
            .expect("a request");
        assert_eq!(server.read_u8().await.expect("it"), b'Q');
    }
}
