//! What a failed connect means, in the words of the core's error.

use entra_pg_core::{Error, ErrorKind, Rejection, chain};

/// The error for a connection that sqlx could not open as `user`.
pub fn explain(error: &sqlx::Error, user: &str) -> Error {
    let reason = chain(error);
    match error {
        sqlx::Error::Database(refusal) => {
            let sqlstate = refusal.code().unwrap_or_default();
            match Rejection::classify(&sqlstate, refusal.message()) {
                Some(rejection) => rejection.into_error(user, refusal.message()),
                None => Error::new(
                    ErrorKind::Connect,
                    format!("the server refused the connection: {reason} (SQLSTATE {sqlstate})"),
                )
                .transient(refusal.is_transient_in_connect_phase()),
            }
        }
        sqlx::Error::Tls(_) => unverified(&reason),
        // What rustls finds wrong with a certificate comes as an I/O error about invalid data.
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => unverified(&reason),
        sqlx::Error::PoolTimedOut => Error::new(
            ErrorKind::ConnectTimeout,
            "the connection was not ready within the pool's acquire_timeout",
        )
        .with_hint("check that the server's firewall lets this machine in")
        .transient(true),
        _ => Error::new(ErrorKind::Connect, reason)
            .with_hint("check the host's name and port, and that the server's firewall lets this machine in")
            .transient(matches!(error, sqlx::Error::Io(_))),
    }
}

fn unverified(reason: &str) -> Error {
    Error::new(
        ErrorKind::Tls,
        format!("the server's identity could not be verified: {reason}"),
    )
    .with_hint("check that the host is the name in the server's certificate, and that sslrootcert holds its root")
}
