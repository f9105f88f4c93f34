//! The access token, and the place that holds a cache's current one.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use super::{
    claims::Claims,
    clock::{Moment, Validity},
};
use crate::{live_tokens, sync::ArcSwapOption};

/// An access token with its expiry.
///
/// Cheap to clone. Its memory is cleared when the last clone is dropped. `Debug` does not print the token, and there is no
/// `Display`.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
/// # fn main() { example(async |cache| {
/// use std::time::{Duration, SystemTime};
///
/// let token = cache.get(Duration::from_secs(15)).await?;
/// assert!(token.expires_on() > SystemTime::now());
/// assert_eq!(token.generation(), 1);
/// assert!(!format!("{token:?}").contains(token.secret()));
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct Token(Arc<Issued>);

struct Issued {
    secret: Zeroizing<String>,
    validity: Validity,
    generation: u64,
}

impl Token {
    pub(super) fn new(secret: Zeroizing<String>, validity: Validity, generation: u64) -> Self {
        let issued = Arc::new(Issued {
            secret,
            validity,
            generation,
        });
        live_tokens::note(&issued.secret, &issued, issued.validity.expires_on());
        Self(issued)
    }

    /// Returns the token itself: the password to send. Anyone who has it can log in until it expires.
    pub fn secret(&self) -> &str {
        &self.0.secret
    }

    /// Returns the wall-clock time at which it expires.
    pub fn expires_on(&self) -> SystemTime {
        self.0.validity.expires_on()
    }

    /// Returns a number that grows with every new token of one cache. Two tokens of one cache with the same number are the
    /// same.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// Reads the claims about its principal. For diagnosis: only the server verifies the signature.
    pub fn claims(&self) -> Claims {
        Claims::read(self.secret())
    }

    pub(super) fn validity(&self) -> &Validity {
        &self.0.validity
    }

    /// What it has left; zero once it has expired.
    pub(super) fn remaining(&self, now: Moment) -> Duration {
        self.0.validity.remaining(now)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self
            .expires_on()
            .duration_since(SystemTime::now())
            .unwrap_or(Duration::ZERO);
        f.debug_struct("Token")
            .field("generation", &self.0.generation)
            .field("expires_in", &left)
            .finish_non_exhaustive()
    }
}

/// The current token of a cache: read without a lock, replaced atomically.
pub(super) struct CurrentToken(ArcSwapOption<Issued>);

impl CurrentToken {
    pub(super) fn none() -> Self {
        Self(ArcSwapOption::empty())
    }

    pub(super) fn get(&self) -> Option<Token> {
        self.0.load_full().map(Token)
    }

    pub(super) fn replace(&self, token: &Token) {
        self.0.store(Some(Arc::clone(&token.0)));
    }
}
