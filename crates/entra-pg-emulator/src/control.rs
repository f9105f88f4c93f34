//! The knobs and counters of a running emulator, in process. Over HTTP the same is under `/control`.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use crate::{
    Error, Fault, TokenSpec,
    state::{State, lock},
};

/// Turns knobs and reads counters while the emulator runs. Cheap to clone.
///
/// Settings act on requests that arrive after the call. A handle that outlives its emulator answers
/// [`Error::Stopped`] where it needs PostgreSQL.
#[derive(Clone)]
pub struct Control {
    state: Arc<State>,
}

/// Verdicts on logins since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Tokens that were let in.
    pub accepted: u64,
    /// Tokens that were refused.
    pub rejected: u64,
}

impl Control {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// How long tokens issued from now on live. Expiry falls on the last full second within it.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state
            .set(|settings| settings.token_lifetime = lifetime);
    }

    /// Delays every answer of the token endpoints, faults included. Zero at the start.
    pub fn set_latency(&self, latency: Duration) {
        self.state.set(|settings| settings.latency = latency);
    }

    /// What the token endpoints do instead of answering; `None` ends the outage.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state.set(|settings| settings.fault = fault);
    }

    /// How many seconds the token endpoints' clock is ahead of PostgreSQL's verdict; negative for behind.
    /// Shifts all times in and beside the tokens.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.state.set(|settings| settings.clock_skew = seconds);
    }

    /// When on, an endpoint hands out the token it issued before for the same identity and audience,
    /// while it lives and even when revoked, as Azure's caches do. Off at the start.
    pub fn repeat_tokens(&self, repeat: bool) {
        self.state.set(|settings| settings.repeat_tokens = repeat);
    }

    /// Keeps the tokens that the endpoints make from now on, for [`recorded_tokens`](Self::recorded_tokens). For tests that
    /// search a program's output for them.
    pub fn record_tokens(&self) {
        lock(&self.state.record).get_or_insert_default();
    }

    /// The tokens made since [`record_tokens`](Self::record_tokens), oldest first; none without it.
    pub fn recorded_tokens(&self) -> Vec<String> {
        lock(&self.state.record).clone().unwrap_or_default()
    }

    /// Requests that reached a token endpoint or the stand-in `az`, faults included.
    pub fn token_requests(&self) -> u64 {
        self.state.counters.token_requests.load(Relaxed)
    }

    /// Different tokens the endpoints have made. Repeated and [minted](Self::mint) ones do not count.
    pub fn tokens_issued(&self) -> u64 {
        self.state.counters.tokens_issued.load(Relaxed)
    }

    /// How many logins were accepted and rejected.
    pub fn logins(&self) -> Logins {
        let counters = &self.state.counters;
        Logins {
            accepted: counters.accepted.load(Relaxed),
            rejected: counters.rejected.load(Relaxed),
        }
    }

    /// Why the latest rejected login was rejected.
    pub fn last_rejection(&self) -> Option<String> {
        lock(&self.state.last_rejection).clone()
    }

    /// Refuses the tokens that the role's identity has been given so far. Open connections live on.
    /// An unknown role changes nothing.
    pub fn revoke(&self, role: &str) {
        if let Some(identity) = self.state.identity(role) {
            self.state.revoke(identity);
        }
    }

    /// Makes any token, good or deliberately bad, without asking an endpoint.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads best with a spec built in place"
    )]
    pub fn mint(&self, spec: TokenSpec) -> String {
        self.state.mint(&spec).unwrap_or_else(|error| {
            tracing::error!(target: "entra_pg_emulator", "{error}");
            String::new()
        })
    }

    /// Restarts PostgreSQL on the same port; open connections are ended, data survives.
    ///
    /// # Errors
    /// When it does not come back within a minute.
    pub async fn restart_postgres(&self) -> Result<(), Error> {
        self.state
            .on_own_runtime(|state| async move { state.cluster.restart().await })
            .await
    }

    /// Ends all connections of clients.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached.
    pub async fn drop_connections(&self) -> Result<(), Error> {
        self.state
            .on_own_runtime(|state| async move { state.cluster.drop_connections().await })
            .await
    }

    /// How many connections clients hold, the emulator's own excluded.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached.
    pub async fn connections(&self) -> Result<u64, Error> {
        self.state
            .on_own_runtime(|state| async move { state.cluster.connections().await })
            .await
    }

    /// Runs SQL as the superuser over a private socket. Rows come back as text, one per line, columns
    /// parted by `|`, NULL as nothing.
    ///
    /// # Errors
    /// What PostgreSQL reports.
    pub async fn execute(&self, sql: &str) -> Result<String, Error> {
        let sql = sql.to_owned();
        self.state
            .on_own_runtime(|state| async move { state.cluster.execute(&sql).await })
            .await
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("settings", &self.state.settings())
            .finish_non_exhaustive()
    }
}
