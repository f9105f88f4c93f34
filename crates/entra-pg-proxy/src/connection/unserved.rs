//! Why a client is not served, and how its connection is closed.
//!
//! As with PostgreSQL, only a client whose packet has a valid length gets an error. Others take it for something else, or no
//! longer expect one: node-postgres, for example, then ends its process.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    time::timeout,
};

use crate::response::Refusal;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How much a client may have sent that is not read, in bytes.
const MAX_UNREAD: u64 = 16 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// It left before it had requested anything, as health checks do.
    Left(&'static str),
    /// It does not use PostgreSQL's protocol, for this reason, and gets no response.
    Foreign(String),
    /// It gets this error.
    Refused(Refusal),
}

impl Unserved {
    pub(crate) fn foreign(reason: &str) -> Self {
        Self::Foreign(reason.to_owned())
    }

    /// The client does not continue in plain text.
    pub(crate) fn wants_encryption(what: &str) -> Self {
        Self::Foreign(format!(
            "{what}, and the proxy accepts only plain text: connect with sslmode=disable; the proxy encrypts what leaves this machine"
        ))
    }

    /// A client that leaves when its request for encryption is denied would have it.
    pub(crate) fn after_no_encryption(self) -> Self {
        match self {
            Self::Left(_) => Self::wants_encryption("the client requested encryption and left"),
            other => other,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Left(reason) => reason,
            Self::Foreign(reason) => reason,
            Self::Refused(refusal) => refusal.message(),
        }
    }

    /// Closes the connection, after the error if the client gets one.
    pub(crate) async fn close(&self, client: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        match self {
            Self::Refused(refusal) => close_with(client, &refusal.encode()).await,
            _ => close_with(client, &[]).await,
        }
    }
}

impl From<Refusal> for Unserved {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Sends the response, and waits a moment for the client to read it: closing with unread bytes would discard it.
pub(crate) async fn close_with(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    response: &[u8],
) {
    let close = async {
        client.write_all(response).await?;
        client.shutdown().await?;
        copy(&mut client.take(MAX_UNREAD), &mut sink()).await
    };
    let _ = timeout(CLOSE_TIMEOUT, close).await;
}
