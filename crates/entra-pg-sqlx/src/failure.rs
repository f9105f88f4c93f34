//! What a failed connect means, in the words of the core's error.

use std::time::Duration;

use entra_pg_core::{Error, ErrorKind, chain};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

/// How long the cause is looked for after a pool has only said that time is up.
const DIAGNOSIS: Duration = Duration::from_secs(5);

/// The error for a pool that could not open its first connection with these options.
///
/// A pool retries a refused connection until its time is up and then forgets the reason; one more attempt, of at most 5 s,
/// finds it.
pub async fn explain_connect(error: &sqlx::Error, options: &PgConnectOptions) -> Error {
    let user = options.get_username();
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return explain(error, user);
    }
    match timeout(DIAGNOSIS, PgConnection::connect_with(options)).await {
        Ok(Err(cause)) => explain(&cause, user),
        Ok(Ok(connection)) => {
            // Not closed politely: over TLS sqlx then waits for the server without a deadline.
            drop(connection);
            not_ready_in_time().with_hint("the server answers: raise acquire_timeout or connect_timeout, or look at what after_connect waits for")
        }
        Err(_) => explain(error, user),
    }
}

/// The error for a connection that sqlx could not open as `user`.
pub(crate) fn explain(error: &sqlx::Error, user: &str) -> Error {
    let reason = chain(error);
    match error {
        sqlx::Error::Database(refusal) => {
            let sqlstate = refusal.code().unwrap_or_default();
            Error::of_server(user, &sqlstate, refusal.message())
        }
        sqlx::Error::Tls(_) => unverified(&reason),
        // What rustls finds wrong with a certificate comes as an I/O error about invalid data.
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => unverified(&reason),
        sqlx::Error::PoolTimedOut => {
            not_ready_in_time().with_hint("check that the server's firewall lets this machine in")
        }
        _ => Error::new(ErrorKind::Connect, reason)
            .with_hint("check the host's name and port, and that the server's firewall lets this machine in")
            .transient(matches!(error, sqlx::Error::Io(_))),
    }
}

fn not_ready_in_time() -> Error {
    Error::new(
        ErrorKind::ConnectTimeout,
        "the connection was not ready in time",
    )
    .transient(true)
}

fn unverified(reason: &str) -> Error {
    Error::new(
        ErrorKind::Tls,
        format!("the server's identity could not be verified: {reason}"),
    )
}
