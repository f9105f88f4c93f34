//! How an [`Entra`] is made: from the environment, from variables, or from a credential.

use std::{fmt, sync::Arc, time::SystemTime};

use azure_core::credentials::TokenCredential;

use crate::{
    Error, ManagedIdentity, RefreshPolicy,
    credential::{Credential, ManagedIdentityKind, select, select_by_name},
    entra::{Entra, Settings},
    environment::Environment,
    token::Clock,
};

/// Makes an [`Entra`] with other than the default settings. Without a choice of credential it selects as
/// [`Entra::from_env`] does; of several choices the last one holds.
///
/// ```
/// # fn main() -> Result<(), entra_pg_core::Error> {
/// use entra_pg_core::{Entra, RefreshPolicy};
///
/// let entra = Entra::builder()
///     .credential_named("ManagedIdentityCredential")
///     .refresh_policy(RefreshPolicy::default())
///     .build()?;
/// assert_eq!(entra.credential_name(), "managed identity (system-assigned)");
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "nothing is made until build is called"]
pub struct EntraBuilder {
    choice: Choice,
    /// The process's own if `None`.
    environment: Option<Environment>,
    policy: RefreshPolicy,
    clock: Clock,
    background_refresh: bool,
}

#[derive(Default)]
enum Choice {
    #[default]
    Environment,
    Named(String),
    ManagedIdentity(ManagedIdentity),
    Provided(Arc<dyn TokenCredential>),
}

impl Entra {
    /// Returns a builder, for other than the default settings.
    pub fn builder() -> EntraBuilder {
        EntraBuilder::default()
    }

    /// Selects the credential that the environment names. The choice, and the reason for it, is logged at `info`.
    ///
    /// `AZURE_TOKEN_CREDENTIALS`, if set, decides by name: `ManagedIdentityCredential`, `WorkloadIdentityCredential`,
    /// `EnvironmentCredential`, `AzurePipelinesCredential`, `GitHubActionsCredential`, `AzureCliCredential`,
    /// `AzureDeveloperCliCredential`, `prod` or `dev`. Else the first of these that is set, in this order:
    ///
    /// 1. workload identity: `AZURE_FEDERATED_TOKEN_FILE`
    /// 2. a client secret: `AZURE_CLIENT_SECRET`
    /// 3. a client certificate: `AZURE_CLIENT_CERTIFICATE_PATH`
    /// 4. Service Connector's client secret: `AZURE_POSTGRESQL_CLIENTSECRET`
    /// 5. the job of Azure Pipelines: `AZURESUBSCRIPTION_SERVICE_CONNECTION_ID`
    /// 6. the job of GitHub Actions: `ACTIONS_ID_TOKEN_REQUEST_URL`, with `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`
    /// 7. the managed identity of App Service and Container Apps: `IDENTITY_ENDPOINT`
    /// 8. the Azure CLI, if `az` is on the `PATH`
    /// 9. the Azure Developer CLI, if `azd` is
    ///
    /// `AZURE_CLIENT_ID` or Service Connector's `AZURE_POSTGRESQL_CLIENTID` names a user-assigned identity. Where one is set and
    /// none of 1 to 7, that is an error: a person's `az login` is another identity. Nothing is probed over the network; on a
    /// virtual machine, select the managed identity by name. (`AZURE_POD_IDENTITY_AUTHORITY_HOST` replaces the address of its
    /// metadata service, as in the other Azure SDKs.)
    ///
    /// Blocks while it reads files, such as root certificates: for milliseconds, or for 5 s each where a mount is dead. In async code
    /// call it once, at the start.
    ///
    /// # Errors
    /// [`ErrorKind::NoCredential`](crate::ErrorKind::NoCredential) when the environment names none, or names one incompletely.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// As [`from_env`](Self::from_env), with these variables in place of the process's. They are the whole environment: a
    /// tool such as `az` runs with these and no others, and `SSL_CERT_FILE` and `HTTPS_PROXY` are read from them too.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::Entra;
    ///
    /// let entra = Entra::from_vars([
    ///     ("IDENTITY_ENDPOINT", "http://127.0.0.1:41999/msi/token"),
    ///     ("IDENTITY_HEADER", "secret"),
    /// ])?;
    /// assert_eq!(entra.credential_reason(), "IDENTITY_ENDPOINT is set");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(
        vars: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Self, Error> {
        Self::builder().vars(vars).build()
    }

    /// Uses any credential of the Azure SDK, or the application's own.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use entra_pg_core::{Entra, azure_core::credentials::TokenCredential};
    ///
    /// fn with(credential: Arc<dyn TokenCredential>) -> Entra {
    ///     Entra::new(credential)
    /// }
    /// ```
    pub fn new(credential: Arc<dyn TokenCredential>) -> Self {
        Self::builder().provided(credential)
    }

    /// Uses a managed identity of this app or virtual machine.
    ///
    /// # Errors
    /// [`ErrorKind::NoCredential`](crate::ErrorKind::NoCredential) when this kind of identity cannot be used here.
    pub fn managed_identity(identity: ManagedIdentity) -> Result<Self, Error> {
        Self::builder().managed_identity(identity).build()
    }
}

impl EntraBuilder {
    /// Uses any credential of the Azure SDK, or the application's own.
    pub fn credential(mut self, credential: Arc<dyn TokenCredential>) -> Self {
        self.choice = Choice::Provided(credential);
        self
    }

    /// Uses a managed identity of this app or virtual machine.
    pub fn managed_identity(mut self, identity: ManagedIdentity) -> Self {
        self.choice = Choice::ManagedIdentity(identity);
        self
    }

    /// Uses the credential that `AZURE_TOKEN_CREDENTIALS` would select if it had this value.
    pub fn credential_named(mut self, name: impl Into<String>) -> Self {
        self.choice = Choice::Named(name.into());
        self
    }

    /// Reads these variables in place of the process's, as [`Entra::from_vars`] does.
    pub fn vars(
        mut self,
        vars: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        self.environment = Some(Environment::from_pairs(vars));
        self
    }

    /// Sets when to refresh, and how long to wait.
    pub fn refresh_policy(mut self, policy: RefreshPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Refreshes tokens by a timer, even while no connection is opened (default: no). Pools of `entra-pg-sqlx` that are
    /// rotated do so anyway. Outside of a Tokio runtime the timer starts with the first connect.
    pub fn background_refresh(mut self, background_refresh: bool) -> Self {
        self.background_refresh = background_refresh;
        self
    }

    /// Reads the wall clock through this function. For tests of clocks that jump. It must not panic, nor use what it is the clock
    /// of.
    pub fn wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(clock);
        self
    }

    /// Creates the [`Entra`]. Sends no request. Blocks as [`Entra::from_env`] does, except with a credential that the application
    /// provides or a managed identity, for which no file is read.
    ///
    /// # Errors
    /// As [`Entra::from_env`]. A credential that the application provides is never refused.
    pub fn build(mut self) -> Result<Entra, Error> {
        let environment = self.environment.take();
        let environment = environment.unwrap_or_else(Environment::of_process);
        let (kind, reason) = match std::mem::take(&mut self.choice) {
            Choice::Provided(credential) => return Ok(self.provided(credential)),
            Choice::Environment => select(&environment)?,
            Choice::Named(name) => {
                let reason = format!("{name} was selected");
                (select_by_name(&environment, &name, &reason)?, reason)
            }
            Choice::ManagedIdentity(identity) => (
                Box::new(ManagedIdentityKind::new(identity, &environment)?) as _,
                "selected in code".to_owned(),
            ),
        };
        let credential = Credential::new(kind, &environment)?;
        Ok(self.with(credential, reason))
    }

    fn provided(self, credential: Arc<dyn TokenCredential>) -> Entra {
        let reason = "provided by the application".to_owned();
        self.with(Credential::provided(credential), reason)
    }

    fn with(self, credential: Credential, reason: String) -> Entra {
        Entra::with_settings(Settings {
            credential,
            reason,
            policy: self.policy,
            clock: self.clock,
            background_refresh: self.background_refresh,
        })
    }
}

/// Variables hold secrets, and so may a credential.
impl fmt::Debug for EntraBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraBuilder")
            .field("policy", &self.policy)
            .field("background_refresh", &self.background_refresh)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(&str, &str); 0] = [];

    #[test]
    fn the_last_choice_holds_and_says_why() {
        fn check<T: Send + Sync + 'static>(value: T) -> T {
            value
        }
        let entra = check(Entra::builder())
            .vars(NONE)
            .credential_named("Nobody")
            .managed_identity(ManagedIdentity::SystemAssigned)
            .build()
            .expect("it needs no settings");
        assert_eq!(entra.credential_reason(), "selected in code");
    }

    #[test]
    fn given_variables_are_the_whole_environment() {
        let error = Entra::from_vars(NONE).expect_err("no credential");
        assert_eq!(error.message(), "the environment names no credential");
    }

    #[test]
    fn debug_prints_no_variable() {
        let builder = Entra::builder().vars([("AZURE_CLIENT_SECRET", "hunter2")]);
        assert!(!format!("{builder:?}").contains("hunter2"));
    }
}
