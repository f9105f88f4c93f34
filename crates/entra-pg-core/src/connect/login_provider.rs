//! A target and the tokens for it: what an adapter opens connections with.

use std::time::Duration;

use tokio::sync::watch;

use super::{Attempt, Rejection, Step, unanswered::Unanswered};
use crate::{Claims, Error, ErrorKind, Target, Token, TokenCache, observe, target::check_role};

/// Provides the name and the token for each connection to one target. Cheap to clone; clones share the token cache,
/// the last error, and which addresses did not answer.
///
/// By hand, [`login`](Self::login) is enough. An adapter uses [`connect`](Self::connect), see [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct LoginProvider {
    target: Target,
    tokens: TokenCache,
    last_error: watch::Sender<Option<Error>>,
    unanswered: Unanswered,
}

/// The name and the password for one connection.
#[derive(Clone, Debug)]
pub struct Login {
    user: String,
    token: Token,
}

impl LoginProvider {
    pub(crate) fn new(target: Target, tokens: TokenCache) -> Self {
        Self {
            target,
            tokens,
            last_error: watch::Sender::new(None),
            unanswered: Unanswered::default(),
        }
    }

    /// Returns where it connects to, and how the connection is secured.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the token cache for the target's scope.
    pub fn token_cache(&self) -> &TokenCache {
        &self.tokens
    }

    /// Logs in as this role instead.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.target = self.target.with_user(user);
        self
    }

    /// Connects to this TCP port instead.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.target = self.target.with_port(port);
        self
    }

    /// Returns name and token for a connection that is about to be opened, after at most the target's `connect_timeout`.
    ///
    /// # Errors
    /// As [`TokenCache::get`]; [`ErrorKind::NoUser`] when neither the target nor the token names a role;
    /// [`ErrorKind::InvalidTarget`] when the name is longer than a role's can be, or has the single server's form.
    pub async fn login(&self) -> Result<Login, Error> {
        if let Some(user) = self.target.user() {
            check_role(user, self.target.hosts())?;
        }
        let token = self.tokens.get(self.target.connect_timeout()).await?;
        self.login_from(token)
    }

    /// Returns a login with this token in place of the cache's.
    ///
    /// # Errors
    /// As [`login`](Self::login), but for the token.
    pub fn login_from(&self, token: Token) -> Result<Login, Error> {
        let user = if let Some(user) = self.target.user() {
            user.to_owned()
        } else {
            let claims = token.claims();
            let name = claims.role_name().map(str::to_owned);
            name.ok_or_else(|| no_user(&claims))?
        };
        check_role(&user, self.target.hosts())?;
        Ok(Login { user, token })
    }

    /// Returns a login with a newer token, after the server refused one for this reason. `None` when another token cannot
    /// help, or none can be had within `timeout`; then the server's error stands.
    pub async fn relogin(
        &self,
        refused: &Login,
        rejection: Rejection,
        timeout: Duration,
    ) -> Option<Login> {
        if !rejection.is_retryable() {
            return None;
        }
        let token = self
            .tokens
            .refresh_rejected_for(&self.name_of(refused), &refused.token, timeout)
            .await?;
        self.login_from(token).ok()
    }

    /// Notes that the server has accepted this login.
    pub(super) fn accepted(&self, login: &Login) {
        self.tokens.accepted(&self.name_of(login));
    }

    /// Role and server, by which the cache tells logins apart.
    fn name_of(&self, login: &Login) -> String {
        let hosts = self.target.hosts().iter();
        let hosts: Vec<_> = hosts
            .map(|host| format!("{}:{}", host.name(), host.port()))
            .collect();
        format!("{}@{}", login.user, hosts.join(","))
    }

    /// Checks that `host` is one of the target's: a token goes there, and only there. For adapters whose users can change a
    /// driver's options. An IPv6 address may be in brackets.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTarget`] for another host.
    pub fn check_destination(&self, host: &str) -> Result<(), Error> {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let mut hosts = self.target.hosts().iter();
        if hosts.any(|known| known.name().eq_ignore_ascii_case(bare)) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidTarget,
            "the driver's options lead to another host than the URL",
        )
        .with_hint("set the host in the URL: the token's scope and the TLS policy follow from it"))
    }

    /// Returns why the latest connect failed; `None` once one has succeeded. For pools that only report a timeout.
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.borrow().clone()
    }

    /// Waits for the error of a connect that fails, or returns that of the latest. Cancel safe.
    pub async fn next_error(&self) -> Error {
        let mut errors = self.last_error.subscribe();
        loop {
            if let Some(error) = errors.borrow_and_update().clone() {
                return error;
            }
            // The sender lives as long as `self`.
            let _ = errors.changed().await;
        }
    }

    /// Starts an attempt that needs no token, such as the forwarding of a cancel request: a deadline and steps.
    pub fn attempt(&self, adapter: &'static str) -> Attempt {
        let attempt = Attempt::new(adapter, &self.target);
        attempt.set_step(Step::TcpConnect);
        attempt
    }

    /// Reports that a connection of this adapter ended with an error after it had been ready.
    pub fn report_connection_lost(
        &self,
        adapter: &'static str,
        error: &(dyn std::error::Error + 'static),
    ) {
        observe::connection_lost(adapter, &self.target, &super::chain(error));
    }

    /// Reports that a pool was given the token of this generation.
    pub fn report_pool_rotated(&self, generation: u64) {
        observe::pool_rotated(&self.target, generation);
    }

    /// Reports that a pool is not given a token, and why: mostly, its options lead elsewhere.
    pub fn report_pool_not_rotated(&self, error: &Error) {
        observe::pool_not_rotated(&self.target, error);
    }

    pub(super) fn unanswered(&self) -> &Unanswered {
        &self.unanswered
    }

    pub(super) fn set_last_error(&self, error: Option<Error>) {
        self.last_error.send_replace(error);
    }
}

impl Login {
    /// Returns the role.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the token, which is the password.
    pub fn token(&self) -> &Token {
        &self.token
    }
}

fn no_user(claims: &Claims) -> Error {
    if let Some(name) = claims.guest_name() {
        let name = name.replace('#', "%23").replace('@', "%40");
        return Error::new(
            ErrorKind::NoUser,
            "the URL names no role, and the token is a guest's, which does not hold the name in this tenant",
        )
        .with_hint(format!(
            "write postgres://{name}@HOST/DATABASE with the tenant's first domain; az ad signed-in-user show prints it all"
        ));
    }
    Error::new(
        ErrorKind::NoUser,
        "the URL names no role, and the token holds no name to use instead",
    )
    .with_hint("write postgres://ROLE@HOST/DATABASE with the role's name, or set PGUSER; for a service principal or a group it is always needed")
}
