//! A client's first packet: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. It is a length that
//! counts itself, a code, and the rest.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{
    startup::{Startup, truncated},
    unserved::Unserved,
};
use crate::response::Refusal;

/// The longest first packet, in bytes: PostgreSQL's own limit.
pub(crate) const MAX_FIRST_PACKET: usize = 10_000;
const MIN_FIRST_PACKET: usize = 8;
/// For the rest of a packet, once it has begun. Clients send it in one piece.
const PACKET_TIMEOUT: Duration = Duration::from_secs(2);
/// A client requests TLS, then GSS, then continues without.
const MAX_FIRST_PACKETS: usize = 3;
/// The response to a request for encryption: none here, go on.
const NO_ENCRYPTION: &[u8] = b"N";

const CANCEL: u32 = 0x04d2_162e;
const TLS: u32 = 0x04d2_162f;
const GSS: u32 = 0x04d2_1630;
const MAJOR: u32 = 3;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstPacket {
    /// A request for TLS or GSS encryption. The client sends another packet once that is answered.
    Encryption,
    /// A request to cancel another connection's query. The whole packet, to be forwarded: newer protocols have longer keys.
    Cancel(Bytes),
    Startup(Startup),
}

impl FirstPacket {
    /// Parses the packet that began with `prefix`.
    pub(crate) fn parse(prefix: [u8; 4], rest: &[u8]) -> Result<Self, Unserved> {
        let Some((code, body)) = rest.split_first_chunk() else {
            return Err(truncated().into());
        };
        match u32::from_be_bytes(*code) {
            TLS | GSS if body.is_empty() => Ok(Self::Encryption),
            CANCEL if body.len() >= 8 => Ok(Self::Cancel([&prefix, rest].concat().into())),
            // Whoever cancels reads no response.
            CANCEL => Err(Unserved::foreign("the client's CancelRequest is truncated")),
            version if version >> 16 == MAJOR => {
                Ok(Self::Startup(Startup::parse(version, body)?))
            }
            TLS | GSS => Err(truncated().into()),
            other => Err(Refusal::protocol(&format!(
                "the client uses version {}.{} of PostgreSQL's protocol; only version {MAJOR} is supported",
                other >> 16,
                other & 0xffff
            ))
            .into()),
        }
    }

    /// Reads the first packet that is not about encryption, within `limit` for all of them together.
    pub(crate) async fn read(
        client: &mut (impl AsyncRead + AsyncWrite + Unpin),
        limit: Duration,
    ) -> Result<Self, Unserved> {
        let read = async {
            if let Some(packet) = next_packet(client).await? {
                return Ok(packet);
            }
            for _ in 1..MAX_FIRST_PACKETS {
                match next_packet(client).await {
                    Ok(Some(packet)) => return Ok(packet),
                    Ok(None) => {}
                    Err(unserved) => return Err(unserved.after_no_encryption()),
                }
            }
            Err(Refusal::protocol("the client requested encryption repeatedly").into())
        };
        timeout(limit, read).await.unwrap_or_else(|_| {
            let limit = limit.as_secs_f64();
            let reason = format!("the client sent no startup packet within {limit} s");
            Err(Unserved::Foreign(reason))
        })
    }
}

/// Reads one packet. `None` is a request for encryption, which has got its response.
async fn next_packet(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Option<FirstPacket>, Unserved> {
    let packet = read_packet(client).await?;
    if packet != FirstPacket::Encryption {
        return Ok(Some(packet));
    }
    client.write_all(NO_ENCRYPTION).await.map_err(hung_up)?;
    Ok(None)
}

async fn read_packet(client: &mut (impl AsyncRead + Unpin)) -> Result<FirstPacket, Unserved> {
    let first = client.read_u8().await.map_err(hung_up)?;
    let rest = async {
        let mut prefix = [first, 0, 0, 0];
        client.read_exact(&mut prefix[1..]).await.map_err(hung_up)?;
        let mut rest = vec![0; remaining_length(prefix)?];
        client.read_exact(&mut rest).await.map_err(hung_up)?;
        FirstPacket::parse(prefix, &rest)
    };
    timeout(PACKET_TIMEOUT, rest).await.unwrap_or_else(|_| {
        let limit = PACKET_TIMEOUT.as_secs();
        let reason =
            format!("the client began a packet, but did not send the rest within {limit} s");
        Err(Unserved::Foreign(reason))
    })
}

fn hung_up(_: io::Error) -> Unserved {
    Unserved::Left("hung up")
}

/// How many bytes follow the first four.
pub(crate) fn remaining_length(prefix: [u8; 4]) -> Result<usize, Unserved> {
    let length = u32::from_be_bytes(prefix) as usize;
    if (MIN_FIRST_PACKET..=MAX_FIRST_PACKET).contains(&length) {
        return Ok(length - prefix.len());
    }
    Err(match &prefix {
        // Terminate, whose length of four follows.
        [b'X', 0, 0, 0] => Unserved::Left("said goodbye"),
        // A TLS record: handshake, version 3.x.
        [0x16, 0x03, ..] => Unserved::wants_encryption("the client began with TLS"),
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"DELE" | b"PATC" | b"CONN" | b"PRI " => {
            Unserved::foreign("the client uses HTTP, not PostgreSQL's protocol")
        }
        _ => Unserved::Foreign(format!(
            "the client does not speak PostgreSQL's protocol: the length of its first packet is {length} bytes, {MIN_FIRST_PACKET} to {MAX_FIRST_PACKET} are allowed"
        )),
    })
}

#[cfg(test)]
#[path = "first_packet_tests.rs"]
mod tests;
