//! A connection for one client: a token, the way to the server and the login, and once more if another token can help.

use std::sync::Arc;

use bytes::Bytes;
use entra_pg_core::{Database, ErrorKind, Login, observe::Step};
use rustls::ClientConfig;

use super::{
    attempt::Attempt,
    authenticate::Exchange,
    dial::{Server, dial},
    startup::Startup,
};
use crate::response::Failure;

/// The name of the proxy's connects in logs and metrics.
pub(crate) const ADAPTER: &str = "proxy";

/// A server that is ready, and its messages up to there, for the client.
pub(crate) struct Session {
    pub(crate) server: Server,
    pub(crate) startup_response: Bytes,
}

/// The role is the target's if it names one, else the client's.
fn with_client_role(database: &Database, startup: &Startup) -> Database {
    match (database.target().user(), startup.get("user")) {
        (None, Some(user)) => database.clone().with_user(user),
        _ => database.clone(),
    }
}

pub(crate) async fn connect(
    database: &Database,
    tls: &Arc<ClientConfig>,
    startup: &Startup,
    attempt: &mut Attempt<'_>,
) -> Result<Session, Failure> {
    let database = with_client_role(database, startup);
    // It waits for as long as the target allows, and knows best why there is no token then.
    let login = database.login().await?;
    attempt.record_token();
    match open(&database, tls, &login, startup, attempt).await {
        Err(refusal) => open_again(&database, tls, refusal, &login, startup, attempt).await,
        opened => opened,
    }
}

/// The first refusal stands if the second attempt only runs out of time.
async fn open_again(
    database: &Database,
    tls: &Arc<ClientConfig>,
    refusal: Failure,
    refused: &Login,
    startup: &Startup,
    attempt: &mut Attempt<'_>,
) -> Result<Session, Failure> {
    let ErrorKind::Rejected(rejection) = refusal.error.kind() else {
        return Err(refusal);
    };
    let newer = database
        .login_after(refused, rejection, attempt.remaining())
        .await;
    let Some(newer) = newer else {
        return Err(refusal);
    };
    let generation = newer.token().generation();
    attempt.connect().retried(&refusal.error, generation);
    match open(database, tls, &newer, startup, attempt).await {
        Err(failure) if failure.error.kind() == ErrorKind::ConnectTimeout => Err(refusal),
        result => result,
    }
}

async fn open(
    database: &Database,
    tls: &Arc<ClientConfig>,
    login: &Login,
    startup: &Startup,
    attempt: &mut Attempt<'_>,
) -> Result<Session, Failure> {
    let target = database.target();
    let mut startup = startup.clone();
    startup.set("user", login.user());
    startup.set_default("database", target.database());
    startup.set_default("application_name", target.application_name());
    startup.set_default("options", target.options().as_deref());

    let mut server = dial(target, tls, attempt).await?;
    match log_in(&mut server, &startup, login, attempt).await {
        Ok(startup_response) => Ok(Session {
            server,
            startup_response,
        }),
        Err(failure) => {
            attempt.connect().refused(&failure.error);
            Err(failure)
        }
    }
}

async fn log_in(
    server: &mut Server,
    startup: &Startup,
    login: &Login,
    attempt: &mut Attempt<'_>,
) -> Result<Bytes, Failure> {
    let begin = Exchange::begin(server, startup, login);
    let mut exchange = attempt.bound(Step::Authentication, begin).await??;
    attempt
        .bound(Step::Authentication, exchange.authenticate())
        .await??;
    attempt.bound(Step::Preparation, exchange.finish()).await?
}
