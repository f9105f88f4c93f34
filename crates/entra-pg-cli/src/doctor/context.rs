//! What the checks have found so far, and which check runs with what.

use entra_pg_core::{Entra, Target, Token};
use entra_pg_tokio_postgres::tokio_postgres::Client;

use super::{
    login,
    network::{self, Place},
    report::{CheckResult, Finding, Outcome, Step},
    role, tls, token,
};
use crate::{options::Server, runtime::aside};

#[derive(Default)]
pub(super) struct Context {
    server: Server,
    target: Option<Target>,
    places: Option<Vec<Place>>,
    /// The address of each host that accepted a connection.
    reached: Option<Vec<Place>>,
    entra: Option<Entra>,
    token: Option<Token>,
    client: Option<Client>,
}

impl Context {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            ..Self::default()
        }
    }

    /// Runs a check. `Report::missing_for` makes sure that what it needs is there.
    pub(super) async fn check(&mut self, step: Step) -> Outcome {
        self.try_check(step).await.unwrap_or_else(|| {
            Outcome::Failed(Finding::new(
                format!("{step} was checked too early"),
                "please report this bug of entra-pg",
            ))
        })
    }

    async fn try_check(&mut self, step: Step) -> Option<Outcome> {
        let (server, target, entra) = (&self.server, self.target.as_ref(), self.entra.as_ref());
        Some(match step {
            Step::Configuration => {
                let server = server.clone();
                let checked = aside(move || configuration(&server)).await;
                keep(&mut self.target, checked.map_err(Finding::from).flatten())
            }
            Step::Dns => keep(&mut self.places, network::look_up(target?).await),
            Step::Tcp => {
                let places = self.places.as_ref()?;
                keep(&mut self.reached, network::reach(target?, places).await)
            }
            Step::Tls => {
                let reached = self.reached.as_ref()?;
                keep(&mut None, tls::shake_hands(target?, reached).await)
            }
            Step::Credential => {
                let server = server.clone();
                let checked = aside(move || credential(&server)).await;
                keep(&mut self.entra, checked.map_err(Finding::from).flatten())
            }
            Step::Token => keep(&mut self.token, token::obtain(server, target, entra?).await),
            Step::Login => {
                let token = self.token.as_ref()?;
                keep(
                    &mut self.client,
                    login::log_in(target?, entra?, token).await,
                )
            }
            Step::Role => keep(&mut None, role::inspect(self.client.as_ref()?).await),
        })
    }
}

/// Keeps what a check found, and returns its outcome.
fn keep<T>(field: &mut Option<T>, result: CheckResult<T>) -> Outcome {
    match result {
        Ok((value, outcome)) => {
            *field = Some(value);
            outcome
        }
        Err(finding) => Outcome::Failed(finding),
    }
}

fn configuration(server: &Server) -> CheckResult<Target> {
    let target = server.target()?;
    let role = target.user().unwrap_or("(from the token)");
    let database = target.database().unwrap_or("(as the role)");
    let roots = match target.root_certificates().file() {
        Some(file) => format!("the roots in {}", file.display()),
        None => "the platform's roots".to_owned(),
    };
    let servers = target.hosts().iter();
    let servers = servers.map(|host| format!("{}:{}", host.name(), host.port()));
    let servers = servers.collect::<Vec<_>>().join(", ");
    let outcome = Outcome::passed(format!(
        "{servers}, role {role}, database {database}, sslmode=verify-full with {roots}",
    ));
    Ok((target, outcome))
}

fn credential(server: &Server) -> CheckResult<Entra> {
    let entra = server.identity.entra(server.target().ok().as_ref())?;
    let outcome = Outcome::passed(format!(
        "{}, because {}",
        entra.credential_name(),
        entra.credential_reason()
    ));
    Ok((entra, outcome))
}
