//! From the driver's error to what went wrong.

use entra_pg_core::connect::{Failure, Step};
use tokio_postgres::Error;

pub(crate) fn failure(error: Error, step: Step) -> Failure {
    let failure = match error.as_db_error() {
        Some(refusal) => Failure::refused(refusal.code().code(), refusal.message()),
        // The driver's own word for a server that answers the request for TLS with no.
        None if step == Step::TcpConnect && error.to_string().contains("TLS") => Failure::no_tls(),
        None => Failure::broken(&error),
    };
    failure.with_driver_error(error)
}
