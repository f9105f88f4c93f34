//! The options that subcommands share: which server, which identity.

use std::time::Duration;

use clap::Args;
use entra_pg_core::{Builder, Database, Entra, Error, IntoTarget, Scope, Target, Token};

/// Everything from `PG*` variables.
const ALL_FROM_VARIABLES: &str = "postgres://";
/// How long a token may take when no server says how long a connect may.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Server {
    /// postgres://ROLE@HOST/DATABASE, without a password; what it leaves out comes from PG* variables
    #[arg(value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) identity: Identity,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Identity {
    /// Which credential to use, by the names of AZURE_TOKEN_CREDENTIALS [default: the environment's]
    ///
    /// ManagedIdentityCredential, WorkloadIdentityCredential, EnvironmentCredential, AzureCliCredential,
    /// AzureDeveloperCliCredential, prod, dev
    #[arg(long, value_name = "NAME")]
    pub(crate) credential: Option<String>,

    /// What to request tokens for [default: what the host's cloud takes]
    ///
    /// Needed for a server behind a name of your own in another cloud than the public one, as in
    /// https://ossrdbms-aad.database.usgovcloudapi.net
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) scope: Option<String>,
}

impl Identity {
    pub(crate) fn entra(&self) -> Result<Entra, Error> {
        let builder = match &self.credential {
            Some(name) => Builder::from_env_by_name(name)?,
            None => Builder::from_env()?,
        };
        Ok(builder.build())
    }

    fn scope(&self) -> Result<Option<Scope>, Error> {
        self.scope.as_deref().map(Scope::new).transpose()
    }
}

impl Server {
    /// An empty one counts as none, as in all variables.
    fn url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.is_empty())
    }

    pub(crate) fn target(&self) -> Result<Target, Error> {
        let target = self.url().unwrap_or(ALL_FROM_VARIABLES).into_target()?;
        Ok(match self.identity.scope()? {
            Some(scope) => target.with_scope(scope),
            None => target,
        })
    }

    /// The target, if there is a sign of one: a token alone needs no server.
    pub(crate) fn target_if_named(&self) -> Result<Option<Target>, Error> {
        let named =
            self.url().is_some() || std::env::var_os("PGHOST").is_some_and(|host| !host.is_empty());
        named.then(|| self.target()).transpose()
    }

    pub(crate) fn database(&self) -> Result<Database, Error> {
        let target = self.target()?;
        self.identity.entra()?.database(target)
    }
}

/// A token, and all that is known about where it came from and where it is to go.
pub(crate) struct Obtained {
    pub(crate) entra: Entra,
    pub(crate) scope: Scope,
    pub(crate) target: Option<Target>,
    pub(crate) token: Token,
}

impl Server {
    pub(crate) async fn obtain(&self) -> Result<Obtained, Error> {
        let target = self.target_if_named()?;
        let scope = self.scope(target.as_ref())?;
        let entra = self.identity.entra()?;
        let patience = Self::patience(target.as_ref());
        let token = entra.tokens(&scope).get(patience).await?;
        Ok(Obtained {
            entra,
            scope,
            target,
            token,
        })
    }

    /// That of the server; without one the one asked for, or the public cloud's.
    pub(crate) fn scope(&self, target: Option<&Target>) -> Result<Scope, Error> {
        Ok(match target {
            Some(target) => target.scope().clone(),
            None => self
                .identity
                .scope()?
                .unwrap_or_else(|| Scope::for_host("")),
        })
    }

    pub(crate) fn patience(target: Option<&Target>) -> Duration {
        target.map_or(PATIENCE, Target::connect_timeout)
    }
}
