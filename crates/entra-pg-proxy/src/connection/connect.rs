//! Connects to the server for one client.

use bytes::Bytes;
use entra_pg_core::{
    Error, Login, LoginProvider, Target,
    connect::{Attempt, Failure, ServerAddress, Step},
};

use super::{
    authenticate::authenticate,
    dial::{Server, Upstream},
    server_state::server_state,
    startup::Startup,
};

/// The name of the proxy's connects in logs and metrics.
pub(crate) const ADAPTER: &str = "proxy";

/// A server that is ready, and its messages up to there, for the client.
pub(crate) struct Session {
    pub(crate) server: Server,
    pub(crate) address: ServerAddress,
    pub(crate) startup_response: Bytes,
}

pub(crate) async fn connect(upstream: &Upstream, startup: &Startup) -> Result<Session, Error> {
    let provider = with_client_role(&upstream.provider, startup);
    let open = |login: Login, attempt: Attempt| async move {
        let (startup, login) = (&for_server(startup, &login, upstream.target()), &login);
        let open = |address: ServerAddress, attempt: Attempt| async move {
            let mut server = upstream.dial(&address, &attempt).await?;
            let startup_response = authenticate(&mut server, startup, login, &attempt).await?;
            if attempt.wants_certain_server() {
                let state = server_state(&mut server, &startup_response);
                attempt.check_server(attempt.timeout(Step::Preparation, state).await??)?;
            }
            Ok::<_, Failure>(Session {
                server,
                address,
                startup_response,
            })
        };
        upstream.provider.reach(&attempt, open).await
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

/// The client's startup message, with the login's role, and the target's settings where the client sends none.
fn for_server(startup: &Startup, login: &Login, target: &Target) -> Startup {
    let mut startup = startup.clone();
    startup.set("user", login.user());
    startup.set_default("database", target.database());
    startup.set_default("application_name", target.application_name());
    startup.set_default("options", target.options().as_deref());
    startup
}
