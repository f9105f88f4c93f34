//! A connection for one client: a token, the way to the server and the login.

use std::sync::Arc;

use bytes::Bytes;
use entra_pg_core::{
    Error, Login, LoginProvider, Target,
    connect::{Attempt, Failure, Step},
};
use rustls::ClientConfig;

use super::{
    authenticate::Exchange,
    dial::{Server, dial},
    startup::Startup,
};

/// The name of the proxy's connects in logs and metrics.
pub(crate) const ADAPTER: &str = "proxy";

/// A server that is ready, and its messages up to there, for the client.
pub(crate) struct Session {
    pub(crate) server: Server,
    pub(crate) startup_response: Bytes,
}

pub(crate) async fn connect(
    provider: &LoginProvider,
    tls: &Arc<ClientConfig>,
    startup: &Startup,
) -> Result<Session, Error> {
    let provider = with_client_role(provider, startup);
    let target = provider.target();
    let open = |login: Login, attempt: Attempt| async move {
        let startup = for_server(startup, &login, target);
        let mut server = dial(target, tls, &attempt).await?;
        let startup_response = log_in(&mut server, &startup, &login, &attempt).await?;
        Ok(Session {
            server,
            startup_response,
        })
    };
    provider.connect(ADAPTER, open).await
}

/// The role is the target's if it names one, else the client's.
fn with_client_role(provider: &LoginProvider, startup: &Startup) -> LoginProvider {
    match (provider.target().user(), startup.get("user")) {
        (None, Some(user)) => provider.clone().with_user(user),
        _ => provider.clone(),
    }
}

/// What the client asks for, with the target's settings where it asks for none.
fn for_server(startup: &Startup, login: &Login, target: &Target) -> Startup {
    let mut startup = startup.clone();
    startup.set("user", login.user());
    startup.set_default("database", target.database());
    startup.set_default("application_name", target.application_name());
    startup.set_default("options", target.options().as_deref());
    startup
}

async fn log_in(
    server: &mut Server,
    startup: &Startup,
    login: &Login,
    attempt: &Attempt,
) -> Result<Bytes, Failure> {
    let begin = Exchange::begin(server, startup, login);
    let mut exchange = attempt.timeout(Step::Authentication, begin).await??;
    let authentication = exchange.authenticate();
    attempt
        .timeout(Step::Authentication, authentication)
        .await??;
    attempt
        .timeout(Step::Preparation, exchange.finish())
        .await?
}
