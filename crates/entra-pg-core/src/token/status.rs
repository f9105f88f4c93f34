//! What a health check reads.

use std::time::SystemTime;

use crate::{Error, Scope};

/// The state of one [`TokenCache`](crate::TokenCache) at one moment. Holds no secret.
///
/// A `last_error` beside a token that is still valid is a warning: no connection has failed because of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The name of the credential that requests the tokens.
    pub credential: String,
    /// The scope that they are for.
    pub scope: Scope,
    /// When the current token expires; `None` without a valid token.
    pub expires_on: Option<SystemTime>,
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
    /// Returns `false` only if no token is valid and the latest request failed.
    ///
    /// Without a [background refresh](crate::TokenCache::background_refresh) an idle process may hold an expired token and be
    /// healthy: the next connection requests a new one.
    ///
    /// ```
    /// fn is_healthy(entra: &entra_pg_core::Entra) -> bool {
    ///     entra.status().iter().all(|cache| cache.is_healthy())
    /// }
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() {
    /// # assert!(is_healthy(&entra()));
    /// # }
    /// ```
    pub fn is_healthy(&self) -> bool {
        self.expires_on.is_some() || self.last_error.is_none()
    }
}
