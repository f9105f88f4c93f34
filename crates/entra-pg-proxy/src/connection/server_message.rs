//! What a server sends before it is ready.

use std::{borrow::Cow, io};

use bytes::Bytes;
use entra_pg_core::connect::unsupported_authentication;
use postgres_protocol::message::backend::{
    AUTHENTICATION_TAG, BACKEND_KEY_DATA_TAG, ERROR_RESPONSE_TAG, Header, NOTICE_RESPONSE_TAG,
    PARAMETER_STATUS_TAG, READY_FOR_QUERY_TAG,
};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::response::{Fields, frame};

/// The longest message of a server before it is ready, in bytes. As libpq's for its errors; all others are shorter.
pub(crate) const MAX_MESSAGE: usize = 30_000;
/// The server supports an older minor version than the client's, or lacks an option of it. `postgres-protocol` does not know it.
const NEGOTIATE_VERSION_TAG: u8 = b'v';

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage {
    /// A request for the token.
    CleartextPassword,
    /// A request for something else, named here.
    UnsupportedAuthentication(Cow<'static, str>),
    AuthenticationOk,
    ReadyForQuery,
    ErrorResponse(Fields),
    /// For the client, in these bytes.
    Forward(Bytes),
    Unexpected,
}

impl ServerMessage {
    /// Parses a message by its tag and body.
    pub(crate) fn parse(tag: u8, body: &[u8]) -> Self {
        match tag {
            AUTHENTICATION_TAG => authentication(body),
            ERROR_RESPONSE_TAG => Fields::parse(body).map_or(Self::Unexpected, Self::ErrorResponse),
            NOTICE_RESPONSE_TAG => Fields::parse(body).map_or(Self::Unexpected, |fields| {
                Self::Forward(fields.encode(NOTICE_RESPONSE_TAG))
            }),
            READY_FOR_QUERY_TAG if body.len() == 1 => Self::ReadyForQuery,
            // A client that reads a number from less panics.
            BACKEND_KEY_DATA_TAG if body.len() >= 8 => Self::Forward(frame(tag, body)),
            PARAMETER_STATUS_TAG | NEGOTIATE_VERSION_TAG => Self::Forward(frame(tag, body)),
            _ => Self::Unexpected,
        }
    }
}

fn authentication(body: &[u8]) -> ServerMessage {
    let Some((code, rest)) = body.split_first_chunk() else {
        return ServerMessage::Unexpected;
    };
    let code = u32::from_be_bytes(*code);
    match (unsupported_authentication(code), code) {
        (Some(method), _) => ServerMessage::UnsupportedAuthentication(method),
        (None, 0) if rest.is_empty() => ServerMessage::AuthenticationOk,
        (None, 3) if rest.is_empty() => ServerMessage::CleartextPassword,
        _ => ServerMessage::Unexpected,
    }
}

/// Reads a message's tag and body. `None` if it is damaged, or too long.
pub(crate) async fn read_message(
    server: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut header = [0; 5];
    server.read_exact(&mut header).await?;
    let Some((tag, length)) = parse_header(&header) else {
        return Ok(None);
    };
    let mut body = vec![0; length];
    server.read_exact(&mut body).await?;
    Ok(Some((tag, body)))
}

/// Tag and length of the body, if it may be that long.
fn parse_header(bytes: &[u8]) -> Option<(u8, usize)> {
    let header = Header::parse(bytes).ok()??;
    let length = usize::try_from(header.len().checked_sub(4)?).ok()?;
    (length <= MAX_MESSAGE).then_some((header.tag(), length))
}

#[cfg(test)]
#[path = "server_message_tests.rs"]
mod tests;
