//! From the driver's error to what went wrong.

use std::error::Error as _;

use entra_pg_core::{
    Error as EntraError, ErrorKind,
    connect::{Attempt, Failure, ServerAddress, Step, request_tls, unsupported_authentication},
};
use tokio::net::TcpStream;
use tokio_postgres::Error;

pub(crate) async fn failure(
    error: Error,
    attempt: &Attempt,
    server: Option<&ServerAddress>,
) -> Failure {
    let text = error.to_string();
    let failure = match error.as_db_error() {
        Some(refusal) => Failure::refused(refusal.code().code(), refusal.message()),
        // The driver's own word for a server that answers the request for TLS with anything but yes.
        None if attempt.step() == Step::TcpConnect && text.contains("TLS") => match server {
            Some(server) => ask_again(attempt, server).await,
            None => Failure::no_tls(),
        },
        None => requested(&error).unwrap_or_else(|| Failure::broken(&error)),
    };
    failure.with_driver_error(error)
}

/// The driver drops what the server answers: no, an error, or another protocol.
async fn ask_again(attempt: &Attempt, server: &ServerAddress) -> Failure {
    let asking = async {
        let mut tcp = TcpStream::connect(server.address()).await.ok()?;
        Some(request_tls(&mut tcp).await)
    };
    match attempt.timeout(Step::TcpConnect, asking).await {
        Ok(Some(Err(failure))) => failure,
        Ok(Some(Ok(()))) => had_an_error(),
        Ok(None) | Err(_) => Failure::no_tls(),
    }
}

/// It has TLS after all: what it said before is lost.
fn had_an_error() -> Failure {
    let what = "the server responded to the request for TLS with an error";
    let hint = "it mostly has too few resources, such as processes or memory: try again, and look at its log";
    let error = EntraError::new(ErrorKind::Connect, what).with_hint(hint);
    error.with_transient(true).into()
}

/// What the server requests in place of a password, if the driver says no more than that it cannot do it.
fn requested(error: &Error) -> Option<Failure> {
    let cause = error.source()?.to_string();
    if cause.contains("unsupported authentication method") {
        return Some(Failure::not_entra(
            "a Kerberos ticket or a Windows login (GSSAPI, SSPI)",
        ));
    }
    let code = cause.strip_prefix("unknown authentication tag `")?;
    let code = code.strip_suffix('`')?.parse().ok()?;
    unsupported_authentication(code).map(Failure::not_entra)
}
