//! Opens one connection to one address, with one token.

use entra_pg_core::{
    Login,
    connect::{Attempt, Failure, ServerAddress, Step},
};
use tokio_postgres::Client;

use crate::{
    connector::{Connection, Inner},
    failure::failure,
    options::{base_config, check_destination, lead_to, log_in},
    server_state::server_state,
    tls::ReportingTls,
};

impl Inner {
    pub(crate) async fn open(
        &self,
        server: &ServerAddress,
        login: &Login,
        attempt: &Attempt,
    ) -> Result<(Client, Connection), Failure> {
        let Inner {
            provider,
            configure,
            tls,
            ..
        } = self;
        let mut config = base_config(provider.target(), server.host());
        if let Some(configure) = configure {
            configure(&mut config);
        }
        check_destination(provider, &config)?;
        lead_to(&mut config, server);
        log_in(&mut config, provider.target(), login);
        let connecting = config.connect(ReportingTls::new(tls.clone(), attempt.clone()));
        let connected = attempt.timeout(Step::TcpConnect, connecting).await?;
        let connected = match connected {
            Ok(connected) => connected,
            Err(error) => return Err(failure(error, attempt, Some(server)).await),
        };
        attempt.set_step(Step::Preparation);
        if !attempt.wants_certain_server() {
            return Ok(connected);
        }
        let (client, mut connection) = connected;
        let state = server_state(&client, &mut connection);
        attempt.check_server(attempt.timeout(Step::Preparation, state).await??)?;
        Ok((client, connection))
    }
}
