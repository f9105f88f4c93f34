//! Authentication, from the startup message to the server's `ReadyForQuery`.
//!
//! The token is sent once, when the server requests a cleartext password, and for no other request. The server's messages
//! are kept for the client until it is ready, so that the client sees nothing of an attempt that fails.

use std::io;

use bytes::{Bytes, BytesMut};
use entra_pg_core::{
    Error, ErrorKind, Login,
    connect::{Attempt, Failure, Step, quotes_token},
};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::{
    server_message::{MAX_MESSAGE, ServerMessage, read_message},
    startup::Startup,
};
use crate::response::{Fields, frame};

/// All that a server may send before it is ready, in bytes.
const MAX_STARTUP_RESPONSE: usize = 256 * 1024;

enum State {
    StartupSent,
    TokenSent,
    Authenticated,
}

/// Sends the startup message and, when requested, the token. Returns the server's messages for the client.
pub(crate) async fn authenticate(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    startup: &Startup,
    login: &Login,
    attempt: &Attempt,
) -> Result<Bytes, Failure> {
    let mut exchange = Exchange {
        server,
        login,
        state: State::StartupSent,
        startup_response: BytesMut::new(),
    };
    let authenticated = exchange.authenticate(startup);
    attempt
        .timeout(Step::Authentication, authenticated)
        .await??;
    attempt
        .timeout(Step::Preparation, exchange.finish())
        .await??;
    // An error and a notice have none: the rest is a program's to read, and cannot be changed.
    if quotes_token(&exchange.startup_response) {
        return Err(token_quoted());
    }
    Ok(exchange.startup_response.freeze())
}

struct Exchange<'a, S> {
    server: &'a mut S,
    login: &'a Login,
    state: State,
    startup_response: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<'_, S> {
    /// Continues until `AuthenticationOk`.
    async fn authenticate(&mut self, startup: &Startup) -> Result<(), Failure> {
        let packet = startup.encode().map_err(|error| invalid_startup(&error))?;
        self.send(&packet).await.map_err(broken)?;
        while !matches!(self.state, State::Authenticated) {
            self.step().await?;
        }
        Ok(())
    }

    /// Continues until `ReadyForQuery`.
    async fn finish(&mut self) -> Result<(), Failure> {
        while !self.step().await? {}
        Ok(())
    }

    /// Handles one message. Returns whether it was the last.
    async fn step(&mut self) -> Result<bool, Failure> {
        let message = read_message(self.server).await.map_err(broken)?;
        let (tag, body) = message.ok_or_else(|| {
            protocol_error(format!(
                "the server sent a message that is invalid, or longer than {MAX_MESSAGE} bytes"
            ))
        })?;
        match (ServerMessage::parse(tag, &body), &self.state) {
            (ServerMessage::CleartextPassword, State::StartupSent) => {
                self.send_token().await.map_err(broken)?;
                self.state = State::TokenSent;
            }
            (ServerMessage::UnsupportedAuthentication(method), State::StartupSent) => {
                return Err(Failure::not_entra(method));
            }
            (ServerMessage::AuthenticationOk, State::StartupSent | State::TokenSent) => {
                self.forward(&frame(tag, &body))?;
                self.state = State::Authenticated;
            }
            (ServerMessage::ErrorResponse(fields), _) => {
                return Err(refused(fields));
            }
            (ServerMessage::ReadyForQuery, State::Authenticated) => {
                self.forward(&frame(tag, &body))?;
                return Ok(true);
            }
            (ServerMessage::Forward(bytes), _) => self.forward(&bytes)?,
            _ => {
                let tag = char::from(tag);
                let message = format!("unexpected message {tag:?} during authentication");
                return Err(protocol_error(message));
            }
        }
        Ok(false)
    }

    fn forward(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.startup_response.len() + bytes.len() > MAX_STARTUP_RESPONSE {
            return Err(protocol_error(format!(
                "the server sent more than {MAX_STARTUP_RESPONSE} bytes before it was ready"
            )));
        }
        self.startup_response.extend_from_slice(bytes);
        Ok(())
    }

    async fn send_token(&mut self) -> io::Result<()> {
        let secret = self.login.token().secret().as_bytes();
        // Roomy enough not to be moved while it is written, so that one copy is to be cleared.
        let mut message = BytesMut::with_capacity(secret.len() + 16);
        frontend::password_message(secret, &mut message)?;
        let message = Zeroizing::new(Vec::from(message));
        self.send(&message).await
    }

    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.server.write_all(message).await?;
        self.server.flush().await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> Failure {
    Failure::broken(&error)
}

/// The fields go with the failure: the client gets them as the server sent them.
fn refused(fields: Fields) -> Failure {
    Failure::refused(fields.sqlstate(), fields.message()).with_driver_error(fields)
}

fn invalid_startup(error: &io::Error) -> Error {
    Error::new(
        ErrorKind::InvalidTarget,
        format!("cannot encode the startup message: {error}"),
    )
    .with_hint("role, database and options must not contain a zero byte")
}

fn token_quoted() -> Failure {
    Error::new(
        ErrorKind::Connect,
        "the server sent the token back, and the client must not see it",
    )
    .with_hint("check the server, or the pooler in front of it: it repeats the password in what it reports")
    .into()
}

fn protocol_error(message: String) -> Failure {
    Error::new(ErrorKind::Connect, message)
        .with_hint("check that the host and the port are a PostgreSQL server's")
        .into()
}
