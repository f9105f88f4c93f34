//! From sqlx's error to what went wrong.

use std::{sync::Arc, time::Duration};

use entra_pg_core::{
    Error, ErrorKind,
    connect::{Failure, chain},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

/// How long the cause is looked for after a pool has only reported a timeout.
const DIAGNOSIS: Duration = Duration::from_secs(5);
const NOT_ADMITTED: &str = "check that the server's firewall admits this machine";

/// Why a pool could not open its first connection with these options.
///
/// A pool retries a refused connection until its time is up and then forgets the reason; one more attempt, of at most 5 s,
/// finds it.
pub(crate) async fn diagnose(error: &Arc<sqlx::Error>, options: &PgConnectOptions) -> Failure {
    if !matches!(**error, sqlx::Error::PoolTimedOut) {
        return failure(error);
    }
    match timeout(DIAGNOSIS, PgConnection::connect_with(options)).await {
        Ok(Err(cause)) => failure(&Arc::new(cause)),
        Ok(Ok(connection)) => {
            // Not closed politely: over TLS sqlx then waits for the server without a deadline.
            drop(connection);
            not_ready_in_time(
                "the server answers: raise acquire_timeout or connect_timeout, or look at what after_connect waits for",
            )
        }
        Err(_) => failure(error),
    }
}

fn failure(error: &Arc<sqlx::Error>) -> Failure {
    let driver_error: &sqlx::Error = error;
    let failure = match driver_error {
        sqlx::Error::Database(refusal) => {
            Failure::refused(refusal.code().unwrap_or_default(), refusal.message())
        }
        // The driver's own word for a server that answers the request for TLS with no.
        sqlx::Error::Tls(cause) if cause.to_string().contains("does not support TLS") => {
            Failure::no_tls()
        }
        sqlx::Error::Tls(_) => Failure::unverified(driver_error),
        sqlx::Error::Io(_) => Failure::broken(driver_error),
        sqlx::Error::PoolTimedOut => not_ready_in_time(NOT_ADMITTED),
        sqlx::Error::Configuration(_) => Error::new(ErrorKind::Connect, chain(driver_error))
            .with_hint("correct the connect options: sqlx cannot use them")
            .into(),
        _ => Error::new(ErrorKind::Connect, chain(driver_error)).into(),
    };
    failure.with_shared_driver_error(Arc::clone(error) as _)
}

fn not_ready_in_time(hint: &str) -> Failure {
    Error::new(
        ErrorKind::ConnectTimeout,
        "the connection was not ready in time",
    )
    .with_hint(hint)
    .transient(true)
    .into()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn kind(error: sqlx::Error) -> String {
        format!("{:?}", failure(&Arc::new(error)))
    }

    #[test]
    fn what_sqlx_reports_is_told_apart() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(kind(sqlx::Error::Io(reset)).contains("Broken"));
        assert!(kind(sqlx::Error::Tls("no".into())).contains("Unverified"));
        let no_tls = sqlx::Error::Tls("server does not support TLS".into());
        assert!(kind(no_tls).contains("NoTls"));
        assert!(kind(sqlx::Error::PoolTimedOut).contains("not ready in time"));
        assert!(kind(sqlx::Error::Configuration("no".into())).contains("cannot use them"));
    }
}
