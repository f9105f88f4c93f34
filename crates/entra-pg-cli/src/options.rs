//! The options that subcommands share: which server, which identity.

use std::time::Duration;

use clap::Args;
use entra_pg_core::{
    Entra, Error, IntoTarget, Login, LoginProvider, RefreshPolicy, Scope, Target, Token,
};

use crate::runtime::aside;

/// A URL that leaves everything to the `PG*` variables.
const ALL_FROM_VARIABLES: &str = "postgres://";
/// How long a token may take when there is no server whose `connect_timeout` counts.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a tool may take: `az` starts slowly on a build agent, and nothing else waits for us.
const TOOL_TIMEOUT: Duration = Duration::from_secs(75);
const TOOLS: [&str; 2] = ["Azure CLI", "Azure Developer CLI"];

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Server {
    /// postgres://ROLE@HOST/DATABASE, without a password; missing parts come from PG* variables
    #[arg(value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) identity: Identity,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Identity {
    /// The credential to use, named as in AZURE_TOKEN_CREDENTIALS [default: from the environment]
    ///
    /// One of ManagedIdentityCredential, WorkloadIdentityCredential, EnvironmentCredential, AzurePipelinesCredential,
    /// GitHubActionsCredential, AzureCliCredential, AzureDeveloperCliCredential, prod, dev
    #[arg(long, value_name = "NAME")]
    pub(crate) credential: Option<String>,

    /// The resource to request tokens for [default: by the host's cloud]
    ///
    /// Needed for a server outside the public cloud whose host name is your own, for example
    /// https://ossrdbms-aad.database.usgovcloudapi.net
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) scope: Option<String>,
}

impl Identity {
    pub(crate) fn entra(&self, target: Option<&Target>) -> Result<Entra, Error> {
        let mut policy = RefreshPolicy::default();
        let connect_timeout = target.map_or(TOKEN_TIMEOUT, Target::connect_timeout);
        policy.fetch_timeout = TOOL_TIMEOUT.max(connect_timeout);
        let builder = Entra::builder().refresh_policy(policy);
        match &self.credential {
            Some(name) => builder.credential_named(name).build(),
            None => builder.build(),
        }
    }

    fn scope(&self) -> Result<Option<Scope>, Error> {
        self.scope.as_deref().map(Scope::new).transpose()
    }
}

impl Server {
    /// An empty variable counts as unset.
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

    /// Returns the target if one is named: a token alone needs no server.
    pub(crate) fn target_if_named(&self) -> Result<Option<Target>, Error> {
        let hosts = [
            "PGHOST",
            "AZURE_POSTGRESQL_HOST",
            "AZURE_POSTGRESQL_CONNECTIONSTRING",
        ];
        let set = |name| std::env::var_os(name).is_some_and(|host| !host.is_empty());
        let named = self.url().is_some() || hosts.into_iter().any(set);
        named.then(|| self.target()).transpose()
    }

    /// Fetches a token and returns the first login.
    pub(crate) async fn log_in(&self) -> Result<(LoginProvider, Login), Error> {
        let server = self.clone();
        let prepare = move || {
            let target = server.target()?;
            let entra = server.identity.entra(Some(&target))?;
            Ok::<_, Error>((target, entra))
        };
        let (target, entra) = aside(prepare).await??;
        let timeout = Self::timeout(Some(&target), &entra);
        let provider = entra.login_provider(target)?;
        let login = provider.login_from(provider.token_cache().get(timeout).await?)?;
        if is_tool(&entra) {
            // A connect that finds no token would wait for the tool, and has less time for it.
            provider.token_cache().background_refresh()?;
        }
        Ok((provider, login))
    }
}

/// A token, its source and its destination.
pub(crate) struct Obtained {
    pub(crate) entra: Entra,
    pub(crate) scope: Scope,
    pub(crate) target: Option<Target>,
    pub(crate) token: Token,
}

impl Server {
    pub(crate) async fn obtain(&self) -> Result<Obtained, Error> {
        let server = self.clone();
        let prepare = move || {
            let target = server.target_if_named()?;
            let entra = server.identity.entra(target.as_ref())?;
            Ok::<_, Error>((target, entra))
        };
        let (target, entra) = aside(prepare).await??;
        let scope = self.scope(target.as_ref())?;
        let timeout = Self::timeout(target.as_ref(), &entra);
        let token = entra.token_cache(&scope).get(timeout).await?;
        Ok(Obtained {
            entra,
            scope,
            target,
            token,
        })
    }

    /// Returns the server's scope; without a server that of `--scope`, or the public cloud's.
    pub(crate) fn scope(&self, target: Option<&Target>) -> Result<Scope, Error> {
        Ok(match target {
            Some(target) => target.scope().clone(),
            None => self.identity.scope()?.unwrap_or_default(),
        })
    }

    pub(crate) fn timeout(target: Option<&Target>, entra: &Entra) -> Duration {
        let timeout = target.map_or(TOKEN_TIMEOUT, Target::connect_timeout);
        if is_tool(entra) {
            timeout.max(TOOL_TIMEOUT)
        } else {
            timeout
        }
    }
}

fn is_tool(entra: &Entra) -> bool {
    TOOLS.contains(&entra.credential_name().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_renamed_does_not_lose_its_time() {
        let timeout = |credential| {
            let none: [(&str, &str); 0] = [];
            let builder = Entra::builder().vars(none).credential_named(credential);
            Server::timeout(None, &builder.build().expect("it needs no settings"))
        };
        assert_eq!(timeout("AzureCliCredential"), TOOL_TIMEOUT);
        assert_eq!(timeout("AzureDeveloperCliCredential"), TOOL_TIMEOUT);
        assert_eq!(timeout("ManagedIdentityCredential"), TOKEN_TIMEOUT);
    }
}
