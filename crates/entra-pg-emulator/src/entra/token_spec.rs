//! A description of a token to mint.

/// A token to mint: a good one, or one that is bad in chosen ways.
///
/// ```
/// use entra_pg_emulator::TokenSpec;
/// let bad = TokenSpec::new("app").expired().audience("https://vault.azure.net").signed_by_other_key();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSpec {
    pub(crate) role: String,
    pub(crate) audience: Option<String>,
    pub(crate) lifetime: Option<i64>,
    pub(crate) valid_after: i64,
    pub(crate) other_key: bool,
}

impl TokenSpec {
    /// Describes a good token for the identity of a role. An unknown name gives the token of a stranger.
    pub fn new(role: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            audience: None,
            lifetime: None,
            valid_after: 0,
            other_key: false,
        }
    }

    /// Makes it a token that expired a minute ago.
    #[must_use]
    pub fn expired(self) -> Self {
        self.lifetime(-60)
    }

    /// Sets the seconds from the start of validity to expiry; negative means that it expired that long ago. By default the
    /// emulator's token lifetime.
    #[must_use]
    pub fn lifetime(mut self, seconds: i64) -> Self {
        self.lifetime = Some(seconds);
        self
    }

    /// Makes it valid only in this many seconds.
    #[must_use]
    pub fn valid_after(mut self, seconds: i64) -> Self {
        self.valid_after = seconds;
        self
    }

    /// Sets the `aud` claim; by default the audience that PostgreSQL accepts.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Signs it with a key that is not the emulator's.
    #[must_use]
    pub fn signed_by_other_key(mut self) -> Self {
        self.other_key = true;
        self
    }
}
