//! `ErrorResponse` and `NoticeResponse`, parsed and encoded.
//!
//! The fields of a server's messages are redacted when they are parsed: one that quotes a token must not carry it to a client.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use entra_pg_core::{Error, connect::redact};
use postgres_protocol::message::backend::ERROR_RESPONSE_TAG;

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const PROTOCOL_VIOLATION: &str = "08P01";
const UNABLE_TO_CONNECT: &str = "08001";
const INVALID_AUTHORIZATION: &str = "28000";

/// Fields of an error or a notice, by their one-letter names.
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(u8, String)>);

impl Fields {
    /// Reads the body of a message: fields, each ended by a zero, and a zero after the last.
    pub(crate) fn parse(mut body: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        loop {
            let (name, rest) = body.split_first()?;
            if *name == 0 {
                return rest.is_empty().then_some(Self(fields));
            }
            let end = rest.iter().position(|byte| *byte == 0)?;
            fields.push((*name, redact(&String::from_utf8_lossy(&rest[..end]))));
            body = &rest[end + 1..];
        }
    }

    fn get(&self, name: u8) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn sqlstate(&self) -> &str {
        self.get(b'C').unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.get(b'M').unwrap_or_default()
    }

    /// Adds a hint if there is none.
    fn with_default_hint(mut self, hint: &str) -> Self {
        if self.get(b'H').is_none() {
            self.0.push((b'H', hint.to_owned()));
        }
        self
    }

    pub(crate) fn encode(&self, tag: u8) -> Bytes {
        let mut body = BytesMut::new();
        for (name, value) in &self.0 {
            body.put_u8(*name);
            // A zero would end the field.
            body.extend(value.bytes().filter(|byte| *byte != 0));
            body.put_u8(0);
        }
        body.put_u8(0);
        frame(tag, &body)
    }
}

/// The text of the error that a server refused a login with.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message(), self.sqlstate())
    }
}

impl std::error::Error for Fields {}

/// A whole message: tag, length, body.
pub(crate) fn frame(tag: u8, body: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(body.len() + 5);
    message.put_u8(tag);
    // Bodies are capped far below this.
    message.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
    message.put_slice(body);
    message.freeze()
}

/// The proxy's own error for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(Fields);

impl Refusal {
    /// The client, or the server, breaks the protocol.
    pub(crate) fn protocol(message: &str) -> Self {
        Self::new(PROTOCOL_VIOLATION, message)
    }

    /// The client may not use this proxy.
    #[cfg(unix)]
    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(INVALID_AUTHORIZATION, message)
    }

    fn new(sqlstate: &str, message: &str) -> Self {
        let fields = [
            (b'S', "FATAL".to_owned()),
            (b'V', "FATAL".to_owned()),
            (b'C', sqlstate.to_owned()),
            (b'M', redact(message)),
        ];
        Self(Fields(fields.into()))
    }

    pub(crate) fn with_hint(self, hint: &str) -> Self {
        Self(self.0.with_default_hint(hint))
    }

    pub(crate) fn message(&self) -> &str {
        self.0.message()
    }

    pub(crate) fn encode(&self) -> Bytes {
        self.0.encode(ERROR_RESPONSE_TAG)
    }
}

/// Pools and drivers try again after an error of class 08, and not after one of class 28.
fn sqlstate(error: &Error) -> &'static str {
    if error.is_transient() {
        UNABLE_TO_CONNECT
    } else {
        INVALID_AUTHORIZATION
    }
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        let message = format!("{} failed: {}", error.phase(), error.message());
        Self::new(sqlstate(error), &message).with_hint(error.hint())
    }
}

/// The response for a client whose connect failed: the server's own error, with our hint if it has none, or ours.
pub(crate) fn for_client(error: &Error) -> Bytes {
    match error.driver_error().and_then(|error| error.downcast_ref()) {
        Some(fields) => Fields::clone(fields)
            .with_default_hint(error.hint())
            .encode(ERROR_RESPONSE_TAG),
        None => Refusal::from(error).encode(),
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
