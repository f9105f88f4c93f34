//! The handle that an application makes once and hands to every adapter.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Error, Host, IntoTarget, LoginProvider, RefreshPolicy, Scope, Status, Target, TokenCache,
    credential::Credential, observe, target::Unknown, token::Clock,
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
    settings: Settings,
    caches: Mutex<BTreeMap<Scope, TokenCache>>,
    /// Hosts for which it was logged that their scope is assumed.
    assumed: Mutex<HashSet<String>>,
}

/// What the builder decides.
pub(crate) struct Settings {
    pub(crate) credential: Credential,
    pub(crate) reason: String,
    pub(crate) policy: RefreshPolicy,
    pub(crate) clock: Clock,
    pub(crate) background_refresh: bool,
}

impl Entra {
    /// Nothing is requested yet.
    pub(crate) fn with_settings(settings: Settings) -> Self {
        observe::chosen(&settings.credential, &settings.reason);
        Self(Arc::new(Inner {
            settings,
            caches: Mutex::default(),
            assumed: Mutex::default(),
        }))
    }

    /// Returns the token cache for a scope, the same one at every call.
    pub fn token_cache(&self, scope: &Scope) -> TokenCache {
        let settings = &self.0.settings;
        let cache = self
            .caches()
            .entry(scope.clone())
            .or_insert_with(|| {
                TokenCache::new(
                    settings.credential.clone(),
                    scope.clone(),
                    settings.policy.clone(),
                    settings.clock.clone(),
                )
            })
            .clone();
        if settings.background_refresh {
            // Outside of a runtime, the first connect spawns the task.
            let _ = cache.background_refresh();
        }
        cache
    }

    /// Returns what provides the logins for a target. Adapters are made of it. To read a URL may block as
    /// [`Target::parse`](crate::Target::parse) does.
    ///
    /// # Errors
    /// As [`Target::parse`](crate::Target::parse).
    pub fn login_provider(&self, target: impl IntoTarget) -> Result<LoginProvider, Error> {
        let target = target.into_target()?;
        self.report_assumed_scope(&target);
        let tokens = self.token_cache(target.scope());
        Ok(LoginProvider::new(target, tokens))
    }

    /// Logs, once for each host, that its name does not determine the target's scope.
    fn report_assumed_scope(&self, target: &Target) {
        for host in target.hosts().iter().map(Host::name) {
            let Some(unknown) = Unknown::of_host(host) else {
                continue;
            };
            let is_assumed = *target.scope() == Scope::for_host(host);
            let is_new = is_assumed && self.assumed().insert(host.to_owned());
            if is_new {
                // Without the lock: a subscriber may ask for the status.
                observe::scope_assumed(unknown, host, target.scope());
            }
        }
    }

    /// Returns the [`Status`] of each token cache in use, for health checks. Does no I/O.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # fn check(entra: &entra_pg_core::Entra) {
    /// let healthy = entra.status().iter().all(|status| status.is_healthy());
    /// # }
    /// ```
    pub fn status(&self) -> Vec<Status> {
        self.caches().values().map(TokenCache::status).collect()
    }

    fn caches(&self) -> MutexGuard<'_, BTreeMap<Scope, TokenCache>> {
        self.0.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assumed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0
            .assumed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the credential's name, for logs: `managed identity (system-assigned)`.
    pub fn credential_name(&self) -> String {
        self.0.settings.credential.to_string()
    }

    /// Returns why this credential was selected: `IDENTITY_ENDPOINT is set`.
    pub fn credential_reason(&self) -> &str {
        &self.0.settings.reason
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra")
            .field("credential", &self.0.settings.credential)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Entra>();
    }
}
