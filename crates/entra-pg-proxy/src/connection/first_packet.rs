//! A client's first packet: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. It is a length that
//! counts itself, a code, and the rest.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::startup::{Startup, truncated};
use crate::{listen::Client, response::Refusal};

/// The longest first packet, in bytes: PostgreSQL's own limit.
pub(crate) const MAX_FIRST_PACKET: usize = 10_000;
const MIN_FIRST_PACKET: usize = 8;
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
    pub(crate) fn parse(prefix: [u8; 4], rest: &[u8]) -> Result<Self, Refusal> {
        let Some((code, body)) = rest.split_first_chunk() else {
            return Err(truncated());
        };
        match u32::from_be_bytes(*code) {
            TLS | GSS if body.is_empty() => Ok(Self::Encryption),
            CANCEL if body.len() >= 8 => Ok(Self::Cancel([&prefix, rest].concat().into())),
            version if version >> 16 == MAJOR => Startup::parse(version, body).map(Self::Startup),
            TLS | GSS | CANCEL => Err(truncated()),
            other => Err(Refusal::protocol(&format!(
                "the client uses version {}.{} of PostgreSQL's protocol; only version {MAJOR} is supported",
                other >> 16,
                other & 0xffff
            ))),
        }
    }

    /// Reads the first packet that is not about encryption. `None` when the client hangs up before.
    pub(crate) async fn read(
        client: &mut Client,
        limit: Duration,
    ) -> Result<Option<Self>, Refusal> {
        let read = async {
            for _ in 0..MAX_FIRST_PACKETS {
                match read_packet(client).await? {
                    Some(Self::Encryption) => {
                        if client.write_all(NO_ENCRYPTION).await.is_err() {
                            return Ok(None);
                        }
                    }
                    other => return Ok(other),
                }
            }
            Err(Refusal::protocol(
                "the client requested encryption repeatedly",
            ))
        };
        timeout(limit, read).await.unwrap_or_else(|_| {
            let limit = limit.as_secs_f64();
            Err(Refusal::protocol(&format!(
                "the client sent no startup packet within {limit} s"
            )))
        })
    }
}

async fn read_packet(client: &mut Client) -> Result<Option<FirstPacket>, Refusal> {
    let mut prefix = [0; 4];
    if client.read_exact(&mut prefix).await.is_err() {
        return Ok(None);
    }
    let mut rest = vec![0; remaining_length(prefix)?];
    match client.read_exact(&mut rest).await {
        Ok(_) => FirstPacket::parse(prefix, &rest).map(Some),
        Err(_) => Ok(None),
    }
}

/// How many bytes follow the first four.
pub(crate) fn remaining_length(prefix: [u8; 4]) -> Result<usize, Refusal> {
    let length = u32::from_be_bytes(prefix) as usize;
    if (MIN_FIRST_PACKET..=MAX_FIRST_PACKET).contains(&length) {
        return Ok(length - prefix.len());
    }
    Err(match &prefix {
        // A TLS record: handshake, version 3.x.
        [0x16, 0x03, ..] => Refusal::protocol(
            "the client began with TLS, which this proxy does not support",
        )
        .with_hint(
            "connect with sslmode=disable: the proxy itself encrypts what leaves this machine",
        ),
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" => {
            Refusal::protocol("the client uses HTTP, not PostgreSQL")
        }
        _ => Refusal::protocol(&format!(
            "the client does not speak PostgreSQL's protocol: the length of its first packet is {length} bytes, {MAX_FIRST_PACKET} are allowed"
        )),
    })
}

#[cfg(test)]
#[path = "first_packet_tests.rs"]
mod tests;
