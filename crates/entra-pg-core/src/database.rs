//! A target and the tokens for it: what an adapter needs to open a connection.

use std::time::Duration;

use crate::{Error, ErrorKind, Rejection, Target, Token, TokenCache};

/// A database to log in to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    target: Target,
    tokens: TokenCache,
}

/// The name and the password for one connection.
#[derive(Clone, Debug)]
pub struct Login {
    user: String,
    token: Token,
}

impl Database {
    pub(crate) fn new(target: Target, tokens: TokenCache) -> Self {
        Self { target, tokens }
    }

    /// Where it is, and how its connection is secured.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The tokens for it.
    pub fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    /// The same database, as this role.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.target = self.target.with_user(user);
        self
    }

    /// The same database, on this TCP port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.target = self.target.with_port(port);
        self
    }

    /// Name and token for a connection that is about to be opened, waiting at most for the target's connect timeout.
    ///
    /// # Errors
    /// As [`TokenCache::get`]; [`ErrorKind::NoUser`] when neither the target nor the token names a role.
    pub async fn login(&self) -> Result<Login, Error> {
        let token = self.tokens.get(self.target.connect_timeout()).await?;
        self.login_with(token)
    }

    /// The same login with this token.
    ///
    /// # Errors
    /// [`ErrorKind::NoUser`] when neither the target nor the token names a role.
    pub fn login_with(&self, token: Token) -> Result<Login, Error> {
        let user = match self.target.user() {
            Some(user) => user.to_owned(),
            None => token
                .claims()
                .role_name()
                .map(str::to_owned)
                .ok_or_else(no_user)?,
        };
        Ok(Login { user, token })
    }

    /// A login with another token, after the server refused one for this reason. `None` when another would not help, or
    /// there is none to be had; then the server's error stands.
    pub async fn login_after(
        &self,
        refused: &Login,
        rejection: Rejection,
        patience: Duration,
    ) -> Option<Login> {
        if !rejection.new_token_may_help() {
            return None;
        }
        let token = self
            .tokens
            .refresh_rejected(&refused.token, patience)
            .await?;
        self.login_with(token).ok()
    }
}

impl Login {
    /// The role.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    pub fn token(&self) -> &Token {
        &self.token
    }
}

fn no_user() -> Error {
    Error::new(
        ErrorKind::NoUser,
        "the URL names no role, and the token holds no name to use instead",
    )
    .with_hint("write postgres://ROLE@HOST/DATABASE with the role's name, or set PGUSER; for a service principal or a group it is always needed")
}
