//! The startup message: the protocol version, the role, the database and further parameters.

use std::{io, str};

use bytes::{BufMut, Bytes, BytesMut};
use postgres_protocol::message::frontend;

use crate::response::Refusal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Startup {
    version: u32,
    parameters: Vec<(String, String)>,
}

impl Startup {
    /// Reads what follows the version: pairs of strings, each ended by a zero, and a zero after the last.
    pub(crate) fn parse(version: u32, body: &[u8]) -> Result<Self, Refusal> {
        let invalid = |what| Refusal::protocol(&format!("the client's startup packet {what}"));
        let mut rest = str::from_utf8(body).map_err(|_| invalid("is not UTF-8"))?;
        let mut next = || {
            let (text, after) = rest.split_once('\0').ok_or_else(truncated)?;
            rest = after;
            Ok::<_, Refusal>(text.to_owned())
        };
        let mut parameters = Vec::new();
        loop {
            match next()? {
                name if name.is_empty() => break,
                name => parameters.push((name, next()?)),
            }
        }
        if !rest.is_empty() {
            return Err(invalid("has bytes after its end"));
        }
        Ok(Self {
            version,
            parameters,
        })
    }

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

    /// Sets a parameter that the client has left out.
    pub(crate) fn set_default(&mut self, name: &str, value: Option<&str>) {
        if let (None, Some(value)) = (self.get(name), value) {
            self.set(name, value);
        }
    }

    /// The packet for the server, in the client's protocol version.
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

pub(crate) fn truncated() -> Refusal {
    Refusal::protocol("the client's startup packet is truncated")
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
