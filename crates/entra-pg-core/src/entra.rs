//! The handle that an application makes once and hands to every adapter.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use azure_core::credentials::TokenCredential;

use crate::{
    Error, IntoTarget, LoginProvider, ManagedIdentity, RefreshPolicy, Scope, Status, TokenCache,
    credential::{Credential, Selection, Surroundings, select, select_by_name},
    observe,
    token::Clock,
};

/// One identity, and the tokens it has. Make one per process and clone it: all clones, and so all pools made with them,
/// share one token per scope and one request for it.
///
/// ```no_run
/// # fn main() -> Result<(), entra_pg_core::Error> {
/// use entra_pg_core::Entra;
///
/// let entra = Entra::from_env()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Entra(Arc<Inner>);

struct Inner {
    credential: Credential,
    reason: String,
    policy: RefreshPolicy,
    clock: Clock,
    background_refresh: bool,
    caches: Mutex<HashMap<Scope, TokenCache>>,
}

impl Entra {
    /// Picks the credential that the environment asks for. The choice, and the reason for it, is logged at `info`.
    ///
    /// In this order: `AZURE_TOKEN_CREDENTIALS`, if set, decides by name (`ManagedIdentityCredential`,
    /// `WorkloadIdentityCredential`, `EnvironmentCredential`, `AzureCliCredential`, `AzureDeveloperCliCredential`, `prod`,
    /// `dev`). Else workload identity (`AZURE_FEDERATED_TOKEN_FILE`), a client secret (`AZURE_CLIENT_SECRET`), the managed
    /// identity of App Service and Container Apps (`IDENTITY_ENDPOINT`), the Azure CLI if `az` is on the `PATH`, the Azure
    /// Developer CLI if `azd` is. `AZURE_CLIENT_ID` names a user-assigned identity. Nothing is probed over the network;
    /// on a virtual machine, ask for the managed identity by name. (`AZURE_POD_IDENTITY_AUTHORITY_HOST` stands in for the
    /// address of its metadata service, as in the other Azure SDKs.)
    ///
    /// # Errors
    /// [`ErrorKind::NoCredential`](crate::ErrorKind::NoCredential) when the environment names none, or names one incompletely.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Builder::from_env()?.build())
    }

    /// Uses any credential of the Azure SDK, or one's own.
    pub fn new(credential: Arc<dyn TokenCredential>) -> Self {
        Builder::new(credential).build()
    }

    /// Uses a managed identity of this app or virtual machine.
    ///
    /// # Errors
    /// [`ErrorKind::NoCredential`](crate::ErrorKind::NoCredential) when this kind of identity cannot be used here.
    pub fn managed_identity(identity: ManagedIdentity) -> Result<Self, Error> {
        Ok(Builder::managed_identity(identity)?.build())
    }

    /// The token cache for a scope. The same one at every call.
    pub fn tokens(&self, scope: &Scope) -> TokenCache {
        let mut caches = self.0.caches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = caches.get(scope) {
            return cache.clone();
        }
        let cache = TokenCache::new(
            self.0.credential.clone(),
            scope.clone(),
            self.0.policy.clone(),
            self.0.clock.clone(),
        );
        if self.0.background_refresh && cache.background_refresh().is_err() {
            observe::not_kept_warm(scope);
        }
        caches.insert(scope.clone(), cache.clone());
        cache
    }

    /// Returns what provides the logins for a target. Adapters are made of it.
    ///
    /// # Errors
    /// As [`Target::parse`](crate::Target::parse).
    pub fn login_provider(&self, target: impl IntoTarget) -> Result<LoginProvider, Error> {
        let target = target.into_target()?;
        let tokens = self.tokens(target.scope());
        Ok(LoginProvider::new(target, tokens))
    }

    /// How the tokens are, a [`Status`] per scope in use. For health checks; requests nothing.
    pub fn status(&self) -> Vec<Status> {
        let caches = self.0.caches.lock().unwrap_or_else(PoisonError::into_inner);
        caches.values().map(TokenCache::status).collect()
    }

    /// Which credential this is, for logs.
    pub fn credential_name(&self) -> String {
        self.0.credential.to_string()
    }

    /// Why it is this one, in words: `IDENTITY_ENDPOINT is set`.
    pub fn credential_reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra")
            .field("credential", &self.0.credential)
            .finish_non_exhaustive()
    }
}

/// Makes an [`Entra`] with other than the default settings.
#[derive(Debug)]
pub struct Builder {
    credential: Credential,
    reason: String,
    policy: RefreshPolicy,
    clock: Clock,
    background_refresh: bool,
}

impl Builder {
    /// Uses any credential of the Azure SDK, or one's own.
    pub fn new(credential: Arc<dyn TokenCredential>) -> Self {
        Self::with(Credential::given(credential), "it was given".into())
    }

    /// Picks the credential as [`Entra::from_env`] does.
    ///
    /// # Errors
    /// As [`Entra::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        let (selection, reason) = select(&Process)?;
        Ok(Self::with(Credential::azure(selection)?, reason))
    }

    /// Picks the credential that `AZURE_TOKEN_CREDENTIALS` would pick if it had this value, whatever it has.
    ///
    /// # Errors
    /// As [`Entra::from_env`].
    pub fn from_env_by_name(name: &str) -> Result<Self, Error> {
        let selection = select_by_name(&Process, name)?;
        let reason = format!("{name} was asked for");
        Ok(Self::with(Credential::azure(selection)?, reason))
    }

    /// Uses a managed identity of this app or virtual machine.
    ///
    /// # Errors
    /// As [`Entra::managed_identity`].
    pub fn managed_identity(identity: ManagedIdentity) -> Result<Self, Error> {
        let credential = Credential::azure(Selection::ManagedIdentity(identity))?;
        Ok(Self::with(credential, "it was asked for".into()))
    }

    fn with(credential: Credential, reason: String) -> Self {
        Self {
            credential,
            reason,
            policy: RefreshPolicy::default(),
            clock: Clock::default(),
            background_refresh: false,
        }
    }

    /// When to refresh, and how long to wait.
    #[must_use]
    pub fn refresh_policy(mut self, policy: RefreshPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Refreshes tokens by a timer, even while nobody asks (default: no). Pools of `entra-pg-sqlx` that are rotated do so anyway.
    #[must_use]
    pub fn background_refresh(mut self, background_refresh: bool) -> Self {
        self.background_refresh = background_refresh;
        self
    }

    /// Reads the wall clock through this function. For tests of clocks that jump.
    #[must_use]
    pub fn wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(clock);
        self
    }

    /// Makes the handle. Nothing is requested yet.
    pub fn build(self) -> Entra {
        observe::chosen(&self.credential, &self.reason);
        Entra(Arc::new(Inner {
            credential: self.credential,
            reason: self.reason,
            policy: self.policy,
            clock: self.clock,
            background_refresh: self.background_refresh,
            caches: Mutex::default(),
        }))
    }
}

/// The environment of this process.
struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn has_program(&self, name: &str) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let suffixes: &[&str] = if cfg!(windows) {
            &[".cmd", ".exe"]
        } else {
            &[""]
        };
        std::env::split_paths(&path).any(|folder| {
            suffixes
                .iter()
                .any(|suffix| folder.join(format!("{name}{suffix}")).is_file())
        })
    }
}
