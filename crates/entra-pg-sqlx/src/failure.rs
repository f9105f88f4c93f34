//! From sqlx's error to what went wrong.

use std::sync::Arc;

use entra_pg_core::{
    Error, ErrorKind,
    connect::{Attempt, Failure, Step, chain, request_tls, unsupported_authentication},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{net::TcpStream, runtime::Handle, sync::oneshot, task::spawn_blocking, time::timeout};

const NOT_ADMITTED: &str = "check that the server's firewall admits this machine";

/// Why a pool could not open its first connection with these options, found before the deadline.
///
/// A pool retries a refused connection until its time is up and then forgets the reason; one more attempt finds it. And sqlx
/// drops what a server responds to the request for TLS, so it is asked again.
pub(crate) async fn diagnose(
    error: &Arc<sqlx::Error>,
    options: &PgConnectOptions,
    attempt: &Attempt,
) -> Failure {
    match &**error {
        sqlx::Error::PoolTimedOut => try_again(error, options, attempt).await,
        sqlx::Error::Protocol(text) if text.contains("response from SSLRequest") => {
            ask_again(error, options, attempt).await
        }
        _ => failure(error),
    }
}

async fn try_again(
    error: &Arc<sqlx::Error>,
    options: &PgConnectOptions,
    attempt: &Attempt,
) -> Failure {
    let (options, left) = (options.clone(), attempt.remaining());
    // Not on a thread of the runtime: under a flood of messages the pool's first connection holds one, and this one would
    // hold the next.
    let runtime = Handle::current();
    // Dropped with this future. The thread goes on, and is to notice that nobody waits for it.
    let (_waiting, abandoned) = oneshot::channel::<()>();
    let connecting = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                connected = timeout(left, PgConnection::connect_with(&options)) => connected.ok(),
                _ = abandoned => None,
            }
        })
    });
    match timeout(left, connecting).await {
        Ok(Ok(Some(Err(cause)))) => failure(&Arc::new(cause)),
        Ok(Ok(Some(Ok(connection)))) => {
            // Not closed politely: over TLS sqlx then waits for the server without a deadline.
            drop(connection);
            not_ready_in_time(
                "the server answers: raise acquire_timeout or connect_timeout, or look at what after_connect waits for",
            )
        }
        _ => failure(error),
    }
}

async fn ask_again(
    error: &Arc<sqlx::Error>,
    options: &PgConnectOptions,
    attempt: &Attempt,
) -> Failure {
    let asking = async {
        let place = (options.get_host(), options.get_port());
        let mut tcp = TcpStream::connect(place).await.ok()?;
        request_tls(&mut tcp).await.err()
    };
    let asked = attempt.timeout(Step::TcpConnect, asking).await;
    match asked.ok().flatten() {
        Some(found) => found.with_shared_driver_error(Arc::clone(error) as _),
        None => failure(error),
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
        sqlx::Error::Tls(cause) if lacks_tls(&cause.to_string()) => without_tls().into(),
        sqlx::Error::Tls(_) => Failure::unverified(driver_error),
        sqlx::Error::Io(_) => Failure::broken(driver_error),
        sqlx::Error::Protocol(text) => requested(text)
            .unwrap_or_else(|| Error::new(ErrorKind::Connect, chain(driver_error)).into()),
        sqlx::Error::PoolTimedOut => not_ready_in_time(NOT_ADMITTED),
        sqlx::Error::Configuration(_) => Error::new(ErrorKind::Connect, chain(driver_error))
            .with_hint("correct the connect options: sqlx cannot use them")
            .into(),
        _ => Error::new(ErrorKind::Connect, chain(driver_error)).into(),
    };
    failure.with_shared_driver_error(Arc::clone(error) as _)
}

/// What the server requests in place of a password, if sqlx does not know it.
fn requested(text: &str) -> Option<Failure> {
    let (_, code) = text.split_once("unknown authentication method: ")?;
    let code = code.split(|c: char| !c.is_ascii_digit()).next()?;
    unsupported_authentication(code.parse().ok()?).map(Failure::not_entra)
}

/// sqlx's own words.
fn lacks_tls(text: &str) -> bool {
    text.contains("without TLS support")
}

fn without_tls() -> Error {
    Error::new(
        ErrorKind::Tls,
        "sqlx was compiled without TLS; the token was not sent",
    )
    .with_hint("enable the feature native-roots or webpki-roots of the adapter")
}

fn not_ready_in_time(hint: &str) -> Failure {
    Error::new(
        ErrorKind::ConnectTimeout,
        "the connection was not ready in time",
    )
    .with_hint(hint)
    .with_transient(true)
    .into()
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use entra_pg_core::Target;
    use sqlx::postgres::PgSslMode;
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn a_search_that_nobody_waits_for_goes_on_with_no_login() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .ssl_mode(PgSslMode::Disable);
        let target = Target::parse("postgres://app@localhost/db").expect("a target");
        let (error, attempt) = (
            Arc::new(sqlx::Error::PoolTimedOut),
            Attempt::new("sqlx", &target),
        );
        let (mut client, _) = tokio::select! {
            failure = diagnose(&error, &options, &attempt) => panic!("{failure:?}"),
            accepted = listener.accept() => accepted.expect("a connection"),
        };
        let mut sent = Vec::new();
        let end = timeout(Duration::from_secs(5), client.read_to_end(&mut sent));
        assert!(end.await.is_ok(), "the connection is still open");
    }

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
        let compiled = "TLS upgrade required by connect options but SQLx was built without TLS support enabled";
        assert!(kind(sqlx::Error::Tls(compiled.into())).contains("compiled without TLS"));
        assert!(kind(sqlx::Error::PoolTimedOut).contains("not ready in time"));
        let kerberos =
            "Postgres protocol error: unknown authentication method: 7 (sqlx_postgres::message:84)";
        assert!(kind(sqlx::Error::Protocol(kerberos.into())).contains("GSSAPI"));
        assert!(kind(sqlx::Error::Protocol("no".into())).contains("no"));
        assert!(kind(sqlx::Error::Configuration("no".into())).contains("cannot use them"));
    }
}
