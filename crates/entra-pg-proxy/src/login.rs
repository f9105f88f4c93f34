//! Logging in: from the startup message to the server's readiness.
//!
//! The token is sent once, in answer to a request for a cleartext password, and to no other. What the server says meanwhile is
//! kept for the client, which so hears nothing of an attempt that fails.

use std::io;

use bytes::{Bytes, BytesMut};
use entra_pg_core::{Error, ErrorKind, Login, Rejection, chain};
use postgres_protocol::message::{
    backend::{
        AUTHENTICATION_TAG, BACKEND_KEY_DATA_TAG, ERROR_RESPONSE_TAG, Header, Message,
        NOTICE_RESPONSE_TAG, PARAMETER_STATUS_TAG, READY_FOR_QUERY_TAG,
    },
    frontend,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::{
    response::{Failure, Fields, frame},
    startup::Startup,
};

/// The longest message of a server before it is ready, in bytes. As libpq's for its errors; all others are shorter.
const LONGEST_MESSAGE: usize = 30_000;
/// All that a server may say before it is ready, in bytes.
const LONGEST_GREETING: usize = 256 * 1024;
/// The server speaks an older minor version than the client, or lacks an option of it. `postgres-protocol` does not know it.
const NEGOTIATE_VERSION_TAG: u8 = b'v';

/// What a server's message asks for, before it is ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Send the token.
    CleartextPassword,
    /// Prove something else, named here.
    AnotherProof(String),
    /// The client is let in.
    Welcome,
    /// Queries may come.
    Ready,
    Refused(Fields),
    /// For the client, in these bytes.
    Aside(Bytes),
    /// It has no business here.
    OutOfPlace,
}

/// Reads a message by its tag and body. Pure.
pub(crate) fn understand(tag: u8, body: &[u8]) -> Said {
    match tag {
        AUTHENTICATION_TAG => authentication(body),
        ERROR_RESPONSE_TAG => Fields::parse(body).map_or(Said::OutOfPlace, Said::Refused),
        NOTICE_RESPONSE_TAG => Fields::parse(body).map_or(Said::OutOfPlace, |fields| {
            Said::Aside(fields.encode(NOTICE_RESPONSE_TAG))
        }),
        READY_FOR_QUERY_TAG => Said::Ready,
        PARAMETER_STATUS_TAG | BACKEND_KEY_DATA_TAG | NEGOTIATE_VERSION_TAG => {
            Said::Aside(frame(tag, body))
        }
        _ => Said::OutOfPlace,
    }
}

fn authentication(body: &[u8]) -> Said {
    let mut message = BytesMut::from(&*frame(AUTHENTICATION_TAG, body));
    let Ok(Some(message)) = Message::parse(&mut message) else {
        return Said::OutOfPlace;
    };
    let another = |name: &str| Said::AnotherProof(name.to_owned());
    match message {
        Message::AuthenticationOk => Said::Welcome,
        Message::AuthenticationCleartextPassword => Said::CleartextPassword,
        Message::AuthenticationMd5Password(_) => another("an MD5 password"),
        Message::AuthenticationSasl(_) => another("a SCRAM password"),
        Message::AuthenticationGss
        | Message::AuthenticationKerberosV5
        | Message::AuthenticationSspi => another("a Kerberos ticket"),
        _ => another("another kind of proof"),
    }
}

/// Where the talk with the server is.
enum Talk {
    Greeted,
    TokenSent,
    LetIn,
}

/// A login that is under way.
pub(crate) struct Exchange<'a, S> {
    server: &'a mut S,
    login: &'a Login,
    talk: Talk,
    greeting: BytesMut,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Exchange<'a, S> {
    pub(crate) async fn begin(
        server: &'a mut S,
        startup: &Startup,
        login: &'a Login,
    ) -> Result<Self, Failure> {
        let packet = startup.encode().map_err(|error| unspeakable(&error))?;
        server.write_all(&packet).await.map_err(broken)?;
        server.flush().await.map_err(broken)?;
        Ok(Self {
            server,
            login,
            talk: Talk::Greeted,
            greeting: BytesMut::new(),
        })
    }

    /// Until the client is let in.
    pub(crate) async fn authenticate(&mut self) -> Result<(), Failure> {
        while !matches!(self.talk, Talk::LetIn) {
            self.step().await?;
        }
        Ok(())
    }

    /// Until the server is ready. What the client is to hear of it all.
    pub(crate) async fn finish(mut self) -> Result<Bytes, Failure> {
        while !self.step().await? {}
        Ok(self.greeting.freeze())
    }

    /// One message. Whether it was the last.
    async fn step(&mut self) -> Result<bool, Failure> {
        let (tag, body) = read_message(self.server).await?;
        match (understand(tag, &body), &self.talk) {
            (Said::CleartextPassword, Talk::Greeted) => {
                self.send_token().await.map_err(broken)?;
                self.talk = Talk::TokenSent;
            }
            (Said::AnotherProof(what), Talk::Greeted) => {
                return Err(not_entra(self.login.user(), &what).into());
            }
            (Said::Welcome, Talk::Greeted | Talk::TokenSent) => {
                self.hear(&frame(tag, &body))?;
                self.talk = Talk::LetIn;
            }
            (Said::Refused(fields), _) => {
                return Err(Failure::of_server(fields, self.login.user()));
            }
            (Said::Ready, Talk::LetIn) => {
                self.hear(&frame(tag, &body))?;
                return Ok(true);
            }
            (Said::Aside(bytes), _) => self.hear(&bytes)?,
            _ => return Err(out_of_place(tag).into()),
        }
        Ok(false)
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.greeting.len() + bytes.len() > LONGEST_GREETING {
            return Err(Error::new(
                ErrorKind::Connect,
                format!("the server said more than {LONGEST_GREETING} bytes before it was ready"),
            )
            .into());
        }
        self.greeting.extend_from_slice(bytes);
        Ok(())
    }

    async fn send_token(&mut self) -> io::Result<()> {
        let secret = self.login.token().secret().as_bytes();
        // Roomy enough not to be moved while it is written, so that one copy is to be cleared.
        let mut message = BytesMut::with_capacity(secret.len() + 16);
        frontend::password_message(secret, &mut message)?;
        let message = Zeroizing::new(Vec::from(message));
        self.server.write_all(&message).await?;
        self.server.flush().await
    }
}

async fn read_message(server: &mut (impl AsyncRead + Unpin)) -> Result<(u8, Vec<u8>), Failure> {
    let mut bytes = [0; 5];
    server.read_exact(&mut bytes).await.map_err(broken)?;
    let Some((tag, length)) = head(&bytes) else {
        return Err(unreadable().into());
    };
    let mut body = vec![0; length];
    server.read_exact(&mut body).await.map_err(broken)?;
    Ok((tag, body))
}

/// Tag and length of the body, if it may be that long.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let header = Header::parse(bytes).ok()??;
    let length = usize::try_from(header.len().checked_sub(4)?).ok()?;
    (length <= LONGEST_MESSAGE).then_some((header.tag(), length))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> Failure {
    Error::new(
        ErrorKind::Connect,
        format!(
            "the connection broke during authentication: {}",
            chain(&error)
        ),
    )
    .transient(true)
    .into()
}

fn unspeakable(error: &io::Error) -> Error {
    Error::new(
        ErrorKind::InvalidTarget,
        format!("the target cannot be said in PostgreSQL's protocol: {error}"),
    )
    .with_hint("role, database and options must not hold a zero byte")
}

fn not_entra(user: &str, what: &str) -> Error {
    Rejection::NotEntra.into_error(user, &format!("it asks for {what}, not for a token"))
}

fn unreadable() -> Error {
    Error::new(
        ErrorKind::Connect,
        format!(
            "the server sent a message that is damaged, or longer than {LONGEST_MESSAGE} bytes"
        ),
    )
    .with_hint("check that the host and the port are a PostgreSQL server's")
}

fn out_of_place(tag: u8) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!(
            "the server said {:?} out of place during the login",
            char::from(tag)
        ),
    )
    .with_hint("check that the host and the port are a PostgreSQL server's")
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
