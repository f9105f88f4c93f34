//! The token cache: what callers use.
//!
//! Contract:
//! - The current token is an immutable snapshot, swapped atomically. Reading it takes no lock.
//! - At most one request is pending per cache; all callers that need its result share it. If it hangs while a caller has no
//!   token, a second one joins it; never more.
//! - A request is a separate task. A caller that is cancelled, times out or panics does not stop it. If its runtime shuts
//!   down, its waiters wake, and one of them sends the next.
//! - While a caller without a token has time left, a transient failure is followed by the next request, after the backoff.
//!   Nothing below the cache retries.
//! - What a server refuses to one login forces no request for another, and takes nothing from it.
//! - Only success is published: a failed request never replaces a token that is still valid, and its error is not returned
//!   while one is.
//!
//! The imports lead one way: this file, `get` (the state table), `refresh` (when a request is sent), `state`, `request`,
//! `publish`, and the pure `policy` and `clock`.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    access_token::Token, background, clock::Clock, get, policy::RefreshPolicy, refresh::Refresher,
    rejections::Rejected, status::Status,
};
use crate::{Error, Scope, credential::Credential, sync::watch};

/// A cache for the tokens of one credential and one scope.
///
/// Cheap to clone: all clones share the token and the requests. Get one from
/// [`Entra::token_cache`](crate::Entra::token_cache). Timers are optional: each call refreshes what is due, so the cache also works
/// in a process that is frozen between calls. [`background_refresh`](Self::background_refresh) adds a timer.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), entra_pg_core::Error> {
/// # let entra = entra();
/// use std::time::Duration;
/// use entra_pg_core::Scope;
///
/// let cache = entra.token_cache(&Scope::for_host("orders.postgres.database.azure.com"));
/// let token = cache.get(Duration::from_secs(15)).await?;
/// assert!(!token.secret().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenCache(Arc<Refresher>);

impl TokenCache {
    pub(crate) fn new(
        credential: Credential,
        scope: Scope,
        policy: RefreshPolicy,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Refresher::new(credential, scope, policy, clock)))
    }

    /// Returns the scope that the tokens are for.
    pub fn scope(&self) -> &Scope {
        self.0.scope()
    }

    /// Returns a valid token, waiting at most for `timeout`.
    ///
    /// While a token is valid this returns at once, whether the endpoint answers or not; only in the token's last moments it
    /// waits, for at most [`RefreshPolicy::mandatory_refresh_wait`]. Without a valid token it waits for the pending request, or
    /// sends one. After a failure that may pass, such as a refused connection or a status of 404, 408, 410, 429 or 5xx, it waits
    /// for the next request, which follows after the backoff, as long as `timeout` allows and the endpoint has not asked for
    /// more (`Retry-After`). Any other failure it returns at once, also during the backoff.
    ///
    /// Cancel safe: the request continues and serves the next caller.
    ///
    /// # Errors
    /// The endpoint's latest error, or [`ErrorKind::TokenTimeout`](crate::ErrorKind::TokenTimeout) if it has not answered
    /// within `timeout`. Outside of a Tokio runtime, [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) unless a token is valid.
    ///
    /// # Panics
    /// In a Tokio runtime without time enabled, if a request is needed.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// # use std::time::Duration;
    /// let token = cache.get(Duration::from_secs(15)).await?;
    /// // While it is fresh, every call returns the same one.
    /// let again = cache.get(Duration::from_secs(15)).await?;
    /// assert_eq!(again.generation(), token.generation());
    /// # Ok(()) }) }
    /// ```
    pub async fn get(&self, timeout: Duration) -> Result<Token, Error> {
        get::get(&self.0, timeout).await
    }

    /// Returns the current token if it is valid, and starts a refresh if one is due. Does not wait.
    ///
    /// For timers and health checks. Outside of a Tokio runtime it starts no refresh.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// let mut updates = cache.subscribe();
    /// assert!(cache.cached().is_none());
    ///
    /// // The call has started a request.
    /// updates.changed().await;
    /// assert!(cache.cached().is_some());
    /// # Ok(()) }) }
    /// ```
    pub fn cached(&self) -> Option<Token> {
        if let Some(token) = self.0.fresh_token() {
            return Some(token);
        }
        self.0.refresh_if_due();
        self.0.valid_token()
    }

    /// Returns another token than `rejected`, which the server refused, waiting at most for `timeout`.
    ///
    /// It is the current token if that is newer, else the result of a forced request. One that fails for a reason that may pass
    /// is followed by the next, as for [`get`](Self::get). `None` if no newer token can be had: the endpoint returned the same
    /// token or refused, or the tokens of too many forced requests were refused again
    /// ([`RefreshPolicy::rejection_interval`]).
    ///
    /// The rejected token stays valid for other callers: most rejections are about a role, not about the token. Cancel safe, as
    /// [`get`](Self::get) is.
    ///
    /// # Panics
    /// In a Tokio runtime without time enabled, if a request is needed.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// # let timeout = std::time::Duration::from_secs(15);
    /// let rejected = cache.get(timeout).await?;
    /// // The server answers 28P01: the access token has been revoked.
    /// if let Some(token) = cache.refresh_rejected(&rejected, timeout).await {
    ///     assert!(token.generation() > rejected.generation());
    /// }
    /// # Ok(()) }) }
    /// ```
    pub async fn refresh_rejected(&self, rejected: &Token, timeout: Duration) -> Option<Token> {
        self.refresh_rejected_for("", rejected, timeout).await
    }

    /// As [`refresh_rejected`](Self::refresh_rejected), for this role on this server: what one login is refused is not held
    /// against another.
    pub(crate) async fn refresh_rejected_for(
        &self,
        login: &str,
        rejected: &Token,
        timeout: Duration,
    ) -> Option<Token> {
        let rejected = Rejected {
            generation: rejected.generation(),
            login: login.to_owned(),
        };
        get::refresh_rejected(&self.0, &rejected, timeout).await
    }

    /// Notes that the server has accepted a token from this login: a later rejection has another cause.
    pub(crate) fn accepted(&self, login: &str) {
        self.0.accepted(login);
    }

    #[cfg(test)]
    pub(super) fn while_locked<T>(&self, run: impl FnOnce() -> T) -> T {
        self.0.while_locked(run)
    }

    /// Subscribes to the ends of requests, to learn of a new token without polling.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// # use std::time::Duration;
    /// let mut updates = cache.subscribe();
    /// cache.get(Duration::from_secs(15)).await?;
    /// assert!(updates.changed().await);
    /// # Ok(()) }) }
    /// ```
    pub fn subscribe(&self) -> TokenUpdates {
        TokenUpdates(self.0.subscribe())
    }

    /// Returns how long until a refresh is due, unless something changes before; zero if one is due now.
    ///
    /// `None` while a request is pending: [`subscribe`](Self::subscribe) reports its end.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// # use std::time::Duration;
    /// assert_eq!(cache.next_refresh_in(), Some(Duration::ZERO));
    /// cache.get(Duration::from_secs(15)).await?;
    /// // The token lives for an hour.
    /// assert!(cache.next_refresh_in() > Some(Duration::from_secs(50 * 60)));
    /// # Ok(()) }) }
    /// ```
    pub fn next_refresh_in(&self) -> Option<Duration> {
        self.0.next_refresh_in()
    }

    /// Returns the status of the cache. Sends no request and does not wait.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// let status = cache.status();
    /// assert!(status.is_healthy() && status.expires_on.is_none());
    /// # Ok(()) }) }
    /// ```
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Spawns a task that refreshes the token as soon as that is due, even while no caller needs one.
    ///
    /// The first caller after a quiet night then does not wait. The task ends when the last handle of this cache is dropped.
    /// There is one at most. If its runtime ends, the next caller that waits for a token spawns another.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) outside of a Tokio runtime; the first caller that waits for a token then
    /// spawns it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// cache.background_refresh()?;
    /// cache.subscribe().changed().await;
    /// assert!(cache.status().expires_on.is_some());
    /// # Ok(()) }) }
    /// ```
    pub fn background_refresh(&self) -> Result<(), Error> {
        background::start(&self.0)
    }

    #[cfg(test)]
    pub(super) fn valid_token(&self) -> Option<Token> {
        self.0.valid_token()
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("credential", self.0.credential())
            .field("scope", self.0.scope())
            .field("current", &self.0.current())
            .finish_non_exhaustive()
    }
}

/// A subscription to the ends of a cache's requests, from [`TokenCache::subscribe`].
#[derive(Clone, Debug)]
pub struct TokenUpdates(watch::Receiver<u64>);

impl TokenUpdates {
    /// Waits until a request ends, with a token or without; returns `false` once the cache is dropped.
    ///
    /// Requests that ended since the last call, or since the subscription, count: it then returns at once. Several of them are
    /// reported as one. Cancel safe.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// let mut updates = cache.subscribe();
    /// tokio::spawn(async move {
    ///     while updates.changed().await {
    ///         println!("a request has ended");
    ///     }
    /// });
    /// # Ok(()) }) }
    /// ```
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// How many requests have ended.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        *self.0.borrow()
    }
}
