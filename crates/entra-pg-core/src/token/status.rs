//! What a health check wants to know.

use std::time::SystemTime;

use super::{TokenCache, ledger::Ledger};
use crate::{Error, Scope};

/// The state of one [`TokenCache`] at one moment.
///
/// A `last_error` beside a token that lives is a warning; it has harmed nobody yet. See [`is_healthy`](Self::is_healthy). Holds
/// no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Which credential is asked.
    pub credential: String,
    /// What its tokens are for.
    pub scope: Scope,
    /// When the current token expires, if there is one that lives.
    pub valid_until: Option<SystemTime>,
    /// When the current token was published.
    pub last_refresh: Option<SystemTime>,
    /// When the latest request ended, with a token or without: the time of `last_error`, if there is one.
    pub last_attempt: Option<SystemTime>,
    /// Why the latest request failed; `None` once one has succeeded.
    pub last_error: Option<Error>,
    /// How many requests in a row have failed.
    pub failures: u32,
    /// Whether a request is under way.
    pub refreshing: bool,
}

impl Status {
    /// Whether nothing is known that would keep the next connection from opening: a token lives, or none was refused. Without a
    /// timer ([`keep_warm`](TokenCache::keep_warm)) an idle process may hold an expired token and be in perfect health; it asks
    /// for the next one when it needs it.
    ///
    /// ```no_run
    /// # fn health(entra: entra_pg_core::Entra) -> bool {
    /// entra.status().iter().all(|cache| cache.is_healthy())
    /// # }
    /// ```
    pub fn is_healthy(&self) -> bool {
        self.valid_until.is_some() || self.last_error.is_none()
    }
}

impl TokenCache {
    /// How this cache is. Requests nothing and waits for nobody.
    pub fn status(&self) -> Status {
        let valid_until = self.living().map(|token| token.expires_on());
        let ledger = self.0.ledger();
        let Ledger {
            last_refresh,
            last_error,
            failures,
            flight,
            ..
        } = &*ledger;
        Status {
            credential: self.0.credential.to_string(),
            scope: self.0.scope.clone(),
            valid_until,
            last_refresh: *last_refresh,
            last_attempt: ledger.last_attempt(),
            last_error: last_error.clone(),
            failures: *failures,
            refreshing: flight.is_some(),
        }
    }
}
