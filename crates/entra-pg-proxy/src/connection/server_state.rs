//! What kind of server a new session is on.

use std::{io, str};

use bytes::BytesMut;
use entra_pg_core::connect::{Failure, ServerState};
use postgres_protocol::message::{
    backend::{DATA_ROW_TAG, ERROR_RESPONSE_TAG, READY_FOR_QUERY_TAG},
    frontend,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{server_message::read_message, startup_response::parameter};
use crate::response::Fields;

/// What the server has reported, or else what it answers to a query. The client sees nothing of that.
pub(crate) async fn server_state(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    startup_response: &[u8],
) -> Result<ServerState, Failure> {
    match ServerState::reported(|name| parameter(startup_response, name)) {
        Some(state) => Ok(state),
        None => ask(server).await,
    }
}

async fn ask(server: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<ServerState, Failure> {
    let mut query = BytesMut::new();
    frontend::query(ServerState::QUERY, &mut query).map_err(broken)?;
    server.write_all(&query).await.map_err(broken)?;
    server.flush().await.map_err(broken)?;
    let mut state = None;
    loop {
        let (tag, body) = read_message(server)
            .await
            .map_err(broken)?
            .ok_or_else(invalid)?;
        match tag {
            DATA_ROW_TAG => state = read_row(&body),
            ERROR_RESPONSE_TAG => {
                let fields = Fields::parse(&body).ok_or_else(invalid)?;
                let refused = Failure::refused(fields.sqlstate(), fields.message());
                return Err(refused.with_driver_error(fields));
            }
            READY_FOR_QUERY_TAG => return state.ok_or_else(invalid),
            _ => {}
        }
    }
}

/// Two columns: the number of columns, then each with its length.
fn read_row(body: &[u8]) -> Option<ServerState> {
    let (_, rest) = body.split_first_chunk::<2>()?;
    let (in_recovery, rest) = read_column(rest)?;
    let (read_only, _) = read_column(rest)?;
    Some(ServerState::of_row(in_recovery, read_only))
}

fn read_column(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((str::from_utf8(text).ok()?, rest))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> Failure {
    Failure::broken(&error)
}

fn invalid() -> Failure {
    Failure::broken(&io::Error::other("the server's answer cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::frame;

    fn row(columns: [&str; 2]) -> Vec<u8> {
        let mut row = vec![0, 2];
        for column in columns {
            let length = u8::try_from(column.len()).expect("short");
            row.extend([0, 0, 0, length]);
            row.extend(column.as_bytes());
        }
        row
    }

    #[test]
    fn a_row_that_is_cut_off_is_no_state() {
        let row = row(["true", "on"]);
        let expected = ServerState::of_row("true", "on");
        assert_eq!(read_row(&row), Some(expected));
        for end in 0..row.len() {
            assert_eq!(read_row(&row[..end]), None, "{end}");
        }
    }

    /// As with `PgBouncer`, which reports neither parameter.
    #[tokio::test]
    async fn a_server_that_reports_nothing_is_asked() {
        let (mut proxy, mut server) = tokio::io::duplex(1_024);
        let answers = [
            frame(b'T', &[0, 0]),
            frame(b'D', &row(["false", "on"])),
            frame(b'C', b"SELECT 1\0"),
            frame(b'Z', b"I"),
        ];
        server.write_all(&answers.concat()).await.expect("room");
        let state = server_state(&mut proxy, &frame(b'Z', b"I")).await;
        assert_eq!(state.expect("a state"), ServerState::of_row("false", "on"));
        drop(server);
        assert!(server_state(&mut proxy, &[]).await.is_err());
    }
}
