//! A connection for one client: a token, the way to the server and the login, and once more if another token can help.

use bytes::Bytes;
use entra_pg_core::{Database, Error, ErrorKind, Login, observe::Step};

use crate::{
    attempt::Attempt,
    dial::{Server, dial},
    login::Exchange,
    response::Failure,
    startup::Startup,
};

/// A server that is ready, and what it said on the way there, for the client.
pub(crate) struct Session {
    pub(crate) server: Server,
    pub(crate) greeting: Bytes,
}

/// The role is the target's if it names one, else the client's.
pub(crate) fn as_role_of(database: &Database, startup: &Startup) -> Database {
    match (database.target().user(), startup.get("user")) {
        (None, Some(user)) => database.clone().with_user(user),
        _ => database.clone(),
    }
}

pub(crate) async fn connect(
    database: &Database,
    startup: &Startup,
    attempt: &mut Attempt<'_>,
) -> Result<Session, Failure> {
    let database = as_role_of(database, startup);
    // It waits for as long as the target allows, and knows best why there is no token then.
    let login = database.login().await?;
    attempt.has_token();
    match open(&database, &login, startup, attempt).await {
        Err(refusal) => open_again(&database, refusal, &login, startup, attempt).await,
        opened => opened,
    }
}

/// The first refusal stands if the second attempt only runs out of time.
async fn open_again(
    database: &Database,
    refusal: Failure,
    refused: &Login,
    startup: &Startup,
    attempt: &mut Attempt<'_>,
) -> Result<Session, Failure> {
    let ErrorKind::Rejected(rejection) = refusal.error.kind() else {
        return Err(refusal);
    };
    let newer = database
        .login_after(refused, rejection, attempt.left())
        .await;
    let Some(newer) = newer else {
        return Err(refusal);
    };
    let generation = newer.token().generation();
    attempt.connect().retried(&refusal.error, generation);
    match open(database, &newer, startup, attempt).await {
        Err(failure) if failure.error.kind() == ErrorKind::ConnectTimeout => Err(refusal),
        result => result,
    }
}

async fn open(
    database: &Database,
    login: &Login,
    startup: &Startup,
    attempt: &mut Attempt<'_>,
) -> Result<Session, Failure> {
    let target = database.target();
    let mut startup = startup.clone();
    startup.set("user", login.user());
    startup.fill("database", target.database());
    startup.fill("application_name", target.application_name());
    startup.fill("options", target.options().as_deref());

    let mut server = dial(target, attempt).await?;
    match log_in(&mut server, &startup, login, attempt).await {
        Ok(greeting) => Ok(Session { server, greeting }),
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

/// A target that can be dialled at all; said at the start, not to the first client.
pub(crate) fn check(database: &Database) -> Result<(), Error> {
    database.target().roots().client_config().map(drop)
}
