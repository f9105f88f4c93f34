//! What kind of server a new connection leads to.

use std::io;

use entra_pg_core::connect::{Failure, ServerState};
use tokio_postgres::{Client, Connection, Error, SimpleQueryMessage, Socket};

use crate::tls::TlsStream;

/// What the server has reported, or else what it answers to a query.
pub(crate) async fn server_state(
    client: &Client,
    connection: &mut Connection<Socket, TlsStream>,
) -> Result<ServerState, Failure> {
    if let Some(state) = ServerState::reported(|name| connection.parameter(name)) {
        return Ok(state);
    }
    let messages = tokio::select! {
        messages = client.simple_query(ServerState::QUERY) => messages.map_err(failure)?,
        ended = connection => return Err(ended.map_or_else(failure, |()| closed())),
    };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(ServerState::of_row(row.get(0)?, row.get(1)?)),
        _ => None,
    });
    row.ok_or_else(closed)
}

fn failure(error: Error) -> Failure {
    let failure = match error.as_db_error() {
        Some(refusal) => Failure::refused(refusal.code().code(), refusal.message()),
        None => Failure::broken(&error),
    };
    failure.with_driver_error(error)
}

fn closed() -> Failure {
    Failure::broken(&io::Error::from(io::ErrorKind::UnexpectedEof))
}
