//! Tokens and the cache that keeps them fresh.

mod arrival;
mod cache;
mod claims;
mod clock;
mod dispatch;
mod flight;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keep_warm;
mod ledger;
mod policy;
#[cfg(interleavings)]
pub mod scenarios;
mod status;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

pub(crate) use self::clock::Clock;
use self::clock::Validity;
pub use self::{cache::TokenCache, claims::Claims, policy::RefreshPolicy, status::Status};

/// An access token, and how long it lives. Cheap to clone; its memory is cleared when the last clone goes.
///
/// `Debug` does not print the token. There is no `Display`.
#[derive(Clone)]
pub struct Token(Arc<Issued>);

struct Issued {
    secret: Zeroizing<String>,
    validity: Validity,
    generation: u64,
}

impl Token {
    fn new(secret: Zeroizing<String>, validity: Validity, generation: u64) -> Self {
        Self(Arc::new(Issued {
            secret,
            validity,
            generation,
        }))
    }

    /// The token itself: the password to send. Whoever holds it can log in until it expires.
    pub fn secret(&self) -> &str {
        &self.0.secret
    }

    /// When it expires, by the wall clock.
    pub fn expires_on(&self) -> SystemTime {
        self.0.validity.expires_on()
    }

    /// A number that grows with every new token of one cache. Two tokens of one cache with the same number are the same.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// What the token says about its principal. Read for diagnosis, never trusted.
    pub fn claims(&self) -> Claims {
        Claims::read(self.secret())
    }

    fn validity(&self) -> &Validity {
        &self.0.validity
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
