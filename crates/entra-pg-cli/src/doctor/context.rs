//! What the checks have found so far, and which check runs with what.

use std::net::SocketAddr;

use entra_pg_core::{Entra, Target, Token};
use entra_pg_tokio_postgres::tokio_postgres::Client;

use super::{
    login, network,
    report::{CheckResult, Finding, Outcome, Step},
    role, tls, token,
};
use crate::options::Server;

pub(super) struct Context {
    server: Server,
    target: Option<Target>,
    addresses: Vec<SocketAddr>,
    reached: Option<SocketAddr>,
    entra: Option<Entra>,
    token: Option<Token>,
    client: Option<Client>,
}

/// Keeps what a check found, and returns its outcome.
fn keep<T>(field: &mut T, result: CheckResult<T>) -> Outcome {
    match result {
        Ok((value, outcome)) => {
            *field = value;
            outcome
        }
        Err(finding) => Outcome::Failed(finding),
    }
}

impl Context {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            target: None,
            addresses: Vec::new(),
            reached: None,
            entra: None,
            token: None,
            client: None,
        }
    }

    /// Runs a check. `Report::missing_for` makes sure that what it needs is there.
    pub(super) async fn check(&mut self, step: Step) -> Outcome {
        match (step, &self.target, &self.entra) {
            (Step::Configuration, ..) => keep(&mut self.target, configuration(&self.server)),
            (Step::Credential, ..) => keep(&mut self.entra, credential(&self.server)),
            (Step::Dns, Some(target), _) => {
                keep(&mut self.addresses, network::look_up(target).await)
            }
            (Step::Tcp, Some(target), _) => keep(
                &mut self.reached,
                network::reach(target, &self.addresses).await,
            ),
            (Step::Tls, Some(target), _) => match self.reached {
                Some(address) => keep(&mut (), tls::shake_hands(target, address).await),
                None => not_ready(step),
            },
            (Step::Token, target, Some(entra)) => keep(
                &mut self.token,
                token::obtain(&self.server, target.as_ref(), entra).await,
            ),
            (Step::Login, Some(target), Some(entra)) => match &self.token {
                Some(token) => keep(&mut self.client, login::log_in(target, entra, token).await),
                None => not_ready(step),
            },
            (Step::Role, ..) => match &self.client {
                Some(client) => keep(&mut (), role::inspect(client).await),
                None => not_ready(step),
            },
            _ => not_ready(step),
        }
    }
}

fn not_ready(step: Step) -> Outcome {
    Outcome::Failed(Finding::new(
        format!("{step} was checked too early"),
        "please report this bug of entra-pg",
    ))
}

fn configuration(server: &Server) -> CheckResult<Option<Target>> {
    let target = server.target()?;
    let role = target.user().unwrap_or("(from the token)");
    let database = target.database().unwrap_or("(as the role)");
    let roots = match (
        target.root_certificates().file(),
        target.has_explicit_root_certificates(),
    ) {
        (Some(file), _) => format!("the roots in {}", file.display()),
        (None, _) => "the platform's roots".to_owned(),
    };
    let outcome = Outcome::passed(format!(
        "{}:{}, role {role}, database {database}, sslmode=verify-full with {roots}",
        target.hosts()[0].name(),
        target.hosts()[0].port(),
    ));
    Ok((Some(target), outcome))
}

fn credential(server: &Server) -> CheckResult<Option<Entra>> {
    let entra = server.identity.entra()?;
    let outcome = Outcome::passed(format!(
        "{}, because {}",
        entra.credential_name(),
        entra.credential_reason()
    ));
    Ok((Some(entra), outcome))
}
