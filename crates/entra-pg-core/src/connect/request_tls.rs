//! The request for TLS, and what servers and others respond to it.
//!
//! Nothing else is sent, and whoever responds is not verified yet. Where a server gives a reason, it is quoted in one short line,
//! and named as what it is: unverified (as libpq, which repeats none of it since CVE-2024-10977, has no such form).

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::Failure;
use crate::{Error, ErrorKind};

/// <https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// How much of an answer other than yes or no is read, and for how long.
const LONGEST: usize = 1_000;
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How much of the server's own words is quoted, in characters.
const QUOTED: usize = 200;

const PLACE: &str =
    "check the host's name and port: PostgreSQL's is 5432, PgBouncer's on Azure 6432";

/// Asks a server for TLS. Nothing else is sent before the handshake, which is the adapter's. The response is one byte, which is
/// read alone: anything that was injected behind it fails the handshake.
///
/// ```no_run
/// use entra_pg_core::connect::{Attempt, Failure, Step, request_tls};
///
/// async fn open(tcp: &mut tokio::net::TcpStream, attempt: &Attempt) -> Result<(), Failure> {
///     attempt.timeout(Step::TcpConnect, request_tls(tcp)).await?
/// }
/// ```
///
/// # Errors
/// The server has no TLS, has no room for another client, or is none of PostgreSQL.
pub async fn request_tls(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), Failure> {
    let answer = async {
        stream.write_all(&SSL_REQUEST).await?;
        stream.flush().await?;
        stream.read_u8().await
    };
    match answer.await {
        Ok(b'S') => Ok(()),
        Ok(b'N') => Err(Failure::no_tls()),
        Ok(first) => {
            let mut answer = vec![first];
            // Until it hangs up, has said too much, or falls silent.
            _ = timeout(LAST_WORDS, read_on(stream, &mut answer)).await;
            Err(answered(&answer).into())
        }
        Err(error) => Err(Failure::broken(&error)),
    }
}

async fn read_on(stream: &mut (impl AsyncRead + Unpin), answer: &mut Vec<u8>) -> io::Result<()> {
    while answer.len() < LONGEST && stream.read_buf(answer).await? > 0 {}
    Ok(())
}

/// Neither yes nor no.
fn answered(bytes: &[u8]) -> Error {
    let what = match bytes {
        [b'E', words @ ..] => return too_busy(&quote(words)),
        [b'H', b'T', b'T', b'P', ..] => "the server speaks HTTP, not PostgreSQL's protocol",
        // A record of TLS: an alert, about a request that is no handshake.
        [0x15, 3, ..] => {
            return Error::new(ErrorKind::Connect, "the server expects TLS from the first byte on")
                .with_hint("check the host and the port, which is mostly one of HTTPS; PostgreSQL 17 and later can be asked so by \
                            sslnegotiation=direct");
        }
        _ => "the server does not speak PostgreSQL's protocol",
    };
    Error::new(ErrorKind::Connect, what).with_hint(PLACE)
}

fn too_busy(words: &str) -> Error {
    let words = if words.is_empty() {
        String::new()
    } else {
        format!(", unverified: \"{words}\"")
    };
    Error::new(
        ErrorKind::Connect,
        format!("the server responded to the request for TLS with an error{words}"),
    )
    .with_hint("it mostly has too few resources, such as processes or memory: try again, and look at its log")
    .with_transient(true)
}

/// The text of an error: of the protocol's version 3, whose fields follow a short length, or 2, as a server sends it that cannot
/// start a process.
fn quote(body: &[u8]) -> String {
    let mut parts = body.split(|byte| *byte == 0);
    let text = match body {
        [0, 0, _, _, fields @ ..] => {
            let mut fields = fields.split(|byte| *byte == 0);
            fields.find_map(|field| field.strip_prefix(b"M"))
        }
        _ => parts.next(),
    };
    let text = String::from_utf8_lossy(text.unwrap_or_default());
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    // What is quoted ends where the quotation ends.
    words
        .join(" ")
        .replace('"', "'")
        .chars()
        .take(QUOTED)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_process(
        b"Ecould not fork new process for connection: Resource temporarily unavailable\n\0",
        "with an error, unverified: \"could not fork new process for connection: Resource temporarily unavailable\"",
        "too few resources"
    )]
    #[case::of_version_3(
        b"E\0\0\0\x30SFATAL\0C53300\0Msorry, too many\nclients\x1b[2J already\0\0",
        "\"sorry, too many clients [2J already\"",
        "too few resources"
    )]
    #[case::without_words(b"E", "request for TLS with an error", "too few resources")]
    #[case::with_a_quotation(b"Eno \"room\" (see x)", "\"no 'room' (see x)\"", "try again")]
    #[case::http(b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP", "5432")]
    #[case::https(&[0x15, 3, 1, 0, 2, 2, 10], "expects TLS from the first byte", "HTTPS")]
    #[case::mysql(b"J\0\0\0\n8.0.36\0", "does not speak PostgreSQL's protocol", "port")]
    #[case::smtp(b"220 mail ESMTP\r\n", "does not speak PostgreSQL's protocol", "port")]
    #[case::zero(b"\0", "does not speak PostgreSQL's protocol", "port")]
    #[tokio::test]
    async fn what_is_neither_yes_nor_no_is_named(
        #[case] answer: &[u8],
        #[case] cause: &str,
        #[case] cure: &str,
    ) {
        let (mut client, mut server) = tokio::io::duplex(10_000);
        server.write_all(answer).await.expect("it has room");
        drop(server.shutdown().await);
        let failure = request_tls(&mut client).await.expect_err("it is no yes");
        let attempt = crate::connect::Attempt::new(
            "test",
            &crate::Target::parse("postgres://app@h/db").expect("a URL"),
        );
        let error = failure.into_error("app", &attempt);
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.message().contains(cause), "{error}");
        assert!(error.hint().contains(cure), "{error}");
        assert!(
            !error.to_string().contains(|c: char| c.is_control()),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_answer_is_cut_off() {
        let (mut client, mut server) = tokio::io::duplex(10_000);
        let flood = async { while server.write_all(&[b'E'; 1_000]).await.is_ok() {} };
        let asked = async move { request_tls(&mut client).await.map(|()| client) };
        let (asked, ()) = tokio::join!(asked, flood);
        let text = format!("{:?}", asked.expect_err("it is no yes"));
        assert!(text.len() < 1_000, "{text}");
    }
}
