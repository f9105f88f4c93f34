//! Requests to cancel a query.

use entra_pg_core::connect::{Attempt, Failure, Step};
use tokio_postgres::CancelToken;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{failure::failure, tls::ReportingTls};

/// Over a connection of its own. The driver leads it to the address, and checks it against the name, of the query's.
pub(crate) async fn cancel(
    token: &CancelToken,
    tls: MakeRustlsConnect,
    attempt: &Attempt,
) -> Result<(), Failure> {
    let asking = token.cancel_query(ReportingTls::new(tls, attempt.clone()));
    match attempt.timeout(Step::TcpConnect, asking).await? {
        Ok(()) => Ok(()),
        Err(error) => Err(failure(error, attempt, None).await),
    }
}
