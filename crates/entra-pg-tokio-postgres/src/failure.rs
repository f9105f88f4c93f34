//! What a failed connect means, in the words of the core's error.

use std::{error::Error as _, io};

use entra_pg_core::{Error, ErrorKind, chain, observe::Step};

const UNREACHABLE: &str =
    "check the host's name and port, and that the server's firewall lets this machine in";
const BROKE: &str =
    "look at the server's log for the reason, and check what stands between: a firewall, a proxy";

pub(crate) fn explain(error: tokio_postgres::Error, user: &str, step: Step) -> Error {
    classify(&error, user, step).with_source(error)
}

fn classify(error: &tokio_postgres::Error, user: &str, step: Step) -> Error {
    let reason = chain(error);
    if let Some(refusal) = error.as_db_error() {
        return Error::of_server(user, refusal.code().code(), refusal.message());
    }
    match step {
        // The driver's own word for a server that answers the request for TLS with no.
        Step::Reaching if reason.contains("TLS") => Error::new(ErrorKind::Tls, reason)
            .with_hint("the server offers no TLS, so the token was not sent: check host and port"),
        Step::Token | Step::Connecting | Step::Reaching => Error::new(ErrorKind::Connect, reason)
            .with_hint(UNREACHABLE)
            .transient(true),
        Step::Handshake if is_about_a_certificate(error) => Error::new(
            ErrorKind::Tls,
            format!("the server's identity could not be verified: {reason}"),
        ),
        Step::Handshake => Error::new(
            ErrorKind::Connect,
            format!("the connection broke during the TLS handshake: {reason}"),
        )
        .with_hint(BROKE)
        .transient(true),
        Step::Authentication | Step::Preparation | Step::Ready => Error::new(
            ErrorKind::Connect,
            format!("the connection broke during authentication: {reason}"),
        )
        .with_hint(BROKE)
        .transient(true),
    }
}

/// What rustls finds wrong comes as an I/O error about invalid data; other I/O errors are the network's.
fn is_about_a_certificate(error: &tokio_postgres::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return io.kind() == io::ErrorKind::InvalidData;
        }
        source = cause.source();
    }
    false
}
