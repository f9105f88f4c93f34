//! The login itself, through the adapter for tokio-postgres.

use entra_pg_core::{Entra, Target, Token};
use entra_pg_tokio_postgres::{
    connect_and_spawn,
    tokio_postgres::{self, Client, error::SqlState},
};

use super::{
    explain::{Attempt, explain},
    report::{CheckResult, Outcome},
};

pub(super) async fn log_in(target: &Target, entra: &Entra, token: &Token) -> CheckResult<Client> {
    match connect_and_spawn(target, entra).await {
        Ok(client) => Ok((client, Outcome::passed("the server accepted the token"))),
        Err(error) => {
            let driver = error
                .driver_error()
                .and_then(|error| error.downcast_ref::<tokio_postgres::Error>());
            let attempt = Attempt {
                target,
                claims: &token.claims(),
                sqlstate: driver.and_then(|error| error.code()).map(SqlState::code),
                now: std::time::SystemTime::now(),
            };
            Err(explain(&attempt, &error))
        }
    }
}
