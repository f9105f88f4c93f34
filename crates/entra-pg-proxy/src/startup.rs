//! What a client says first, read from its bytes. Pure.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>: a length that counts itself, a code, the rest.

use std::{io, str};

use bytes::{BufMut, Bytes, BytesMut};
use postgres_protocol::message::frontend;

use crate::response::Refusal;

/// The longest first packet, in bytes: PostgreSQL's own limit.
pub(crate) const LONGEST: usize = 10_000;
const SHORTEST: usize = 8;

const CANCEL: u32 = 0x04d2_162e;
const TLS: u32 = 0x04d2_162f;
const GSS: u32 = 0x04d2_1630;
const MAJOR: u32 = 3;

/// A client's first packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It asks for TLS or GSS encryption, and says more once that is answered.
    Encryption,
    /// It wants another connection's query cancelled. The whole packet, to be forwarded: newer protocols have longer keys.
    Cancel(Bytes),
    Startup(Startup),
}

/// Who the client is, and what it wants to talk about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Startup {
    version: u32,
    parameters: Vec<(String, String)>,
}

/// How many bytes follow the first four.
pub(crate) fn length_after(prefix: [u8; 4]) -> Result<usize, Refusal> {
    let length = u32::from_be_bytes(prefix) as usize;
    if (SHORTEST..=LONGEST).contains(&length) {
        return Ok(length - prefix.len());
    }
    Err(match &prefix {
        // A TLS record: handshake, version 3.x.
        [0x16, 0x03, ..] => Refusal::protocol(
            "the client begins with TLS, which this proxy does not speak",
        )
        .with_hint(
            "connect with sslmode=disable: the proxy itself encrypts what leaves this machine",
        ),
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" => {
            Refusal::protocol("the client speaks HTTP, not PostgreSQL")
        }
        _ => Refusal::protocol(&format!(
            "the client does not speak PostgreSQL's protocol: its first packet claims {length} bytes, {LONGEST} are allowed"
        )),
    })
}

/// Reads the packet that began with `prefix`.
pub(crate) fn parse(prefix: [u8; 4], rest: &[u8]) -> Result<Opening, Refusal> {
    let Some((code, body)) = rest.split_first_chunk() else {
        return Err(truncated());
    };
    match u32::from_be_bytes(*code) {
        TLS | GSS if body.is_empty() => Ok(Opening::Encryption),
        CANCEL if body.len() >= 8 => Ok(Opening::Cancel([&prefix, rest].concat().into())),
        version if version >> 16 == MAJOR => Ok(Opening::Startup(Startup {
            version,
            parameters: parameters(body)?,
        })),
        TLS | GSS | CANCEL => Err(truncated()),
        other => Err(Refusal::protocol(&format!(
            "the client speaks version {}.{} of PostgreSQL's protocol; only version {MAJOR} is known",
            other >> 16,
            other & 0xffff
        ))),
    }
}

/// Pairs of strings, each ended by a zero, and a zero after the last.
fn parameters(mut body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let mut next = || {
        let end = body
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(truncated)?;
        let text = str::from_utf8(&body[..end])
            .map_err(|_| Refusal::protocol("the client's startup packet is not UTF-8"))?
            .to_owned();
        body = &body[end + 1..];
        Ok::<_, Refusal>(text)
    };
    let mut parameters = Vec::new();
    loop {
        let name = next()?;
        if name.is_empty() {
            break;
        }
        parameters.push((name, next()?));
    }
    if body.is_empty() {
        Ok(parameters)
    } else {
        Err(Refusal::protocol(
            "the client's startup packet goes on after its end",
        ))
    }
}

fn truncated() -> Refusal {
    Refusal::protocol("the client's startup packet is truncated")
}

impl Startup {
    /// A parameter's value. As in PostgreSQL, the last one counts.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .parameters
            .iter()
            .rev()
            .find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    /// Sets what the client has left out.
    pub(crate) fn fill(&mut self, name: &str, value: Option<&str>) {
        if let (None, Some(value)) = (self.get(name), value) {
            self.set(name, value);
        }
    }

    /// The packet for the server, in the protocol version that the client speaks.
    ///
    /// # Errors
    /// When a value holds a zero, which the client's cannot but the target's can.
    pub(crate) fn encode(&self) -> io::Result<Bytes> {
        let pairs = self.parameters.iter();
        let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
        let mut packet = BytesMut::new();
        frontend::startup_message(pairs, &mut packet)?;
        if let Some(mut version) = packet.get_mut(4..8) {
            version.put_u32(self.version);
        }
        Ok(packet.freeze())
    }
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
