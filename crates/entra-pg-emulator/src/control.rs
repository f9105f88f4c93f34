//! Changes and counters of a running emulator, in process. `endpoints/control.rs` serves the same over HTTP.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::{Error, Fault, TokenSpec, entra::Tenant, postgres::Cluster, settings::Settings};

/// Changes settings and reads counters while the emulator runs. Cheap to clone.
///
/// Settings apply to requests that arrive after the call. Once the emulator has been stopped, what needs PostgreSQL
/// fails with [`Error::Stopped`].
///
/// ```no_run
/// # use entra_pg_emulator::{Emulator, Error, Fault, TokenSpec};
/// # async fn example(emulator: &Emulator) -> Result<(), Error> {
/// let control = emulator.control();
/// control.set_fault(Some(Fault::ServiceUnavailable));
/// control.revoke("app")?;
/// let expired = control.mint(TokenSpec::new("app").expired())?;
/// control.restart_postgres().await?;
/// assert_eq!(control.logins().accepted, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Control {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) cluster: Arc<Cluster>,
    /// The emulator's own: what starts there is finished, even if the caller is cancelled.
    pub(crate) runtime: Handle,
}

/// The logins since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logins {
    /// Logins whose token was accepted.
    pub accepted: u64,
    /// Logins whose token was rejected.
    pub rejected: u64,
}

impl Control {
    /// Sets the lifetime of tokens issued from now on. Expiry falls on the last full second within it.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.change(|settings| settings.token_lifetime = lifetime);
    }

    /// Delays every response of the token endpoints, faults included. Zero at the start.
    pub fn set_latency(&self, latency: Duration) {
        self.change(|settings| settings.latency = latency);
    }

    /// Sets what the token endpoints do instead of issuing tokens; `None` ends the outage.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.change(|settings| settings.fault = fault);
    }

    /// Sets how many seconds the clock of the token endpoints is ahead of PostgreSQL's; negative for behind.
    /// Shifts all times in and beside the tokens.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.change(|settings| settings.clock_skew = seconds);
    }

    /// Makes an endpoint return the token it issued before for the same identity and audience,
    /// while it lives and even when revoked, as Azure's caches do. Off at the start.
    pub fn set_repeat_tokens(&self, repeat: bool) {
        self.change(|settings| settings.repeat_tokens = repeat);
    }

    /// Delays PostgreSQL's verdict on every login that begins from now on; the client waits in authentication. Zero at the
    /// start. PostgreSQL itself gives up after 30 s.
    pub fn set_login_latency(&self, latency: Duration) {
        self.change(|settings| settings.login_latency = latency);
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        self.tenant.change_settings(change)
    }

    /// Keeps the tokens that the endpoints issue from now on, for [`recorded_tokens`](Self::recorded_tokens). For tests that
    /// search a program's output for them.
    pub fn record_tokens(&self) {
        self.tenant.issuer.start_recording();
    }

    /// Returns the tokens issued since [`record_tokens`](Self::record_tokens), oldest first; none without it.
    pub fn recorded_tokens(&self) -> Vec<String> {
        self.tenant.issuer.recorded()
    }

    /// Replaces the key that tokens are signed with. PostgreSQL rejects earlier tokens of all identities, and the
    /// endpoints use the new key; open connections stay open.
    ///
    /// # Errors
    /// When no key can be generated.
    pub async fn rotate_keys(&self) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        self.spawn(async move { tenant.issuer.rotate_key().await })
            .await
    }

    /// Returns the number of requests that reached a token endpoint or the stand-in `az`, faults included.
    pub fn token_requests(&self) -> u64 {
        self.tenant.token_requests.load(Relaxed)
    }

    /// Returns the number of different tokens that the endpoints issued. Repeated and [minted](Self::mint) ones do not count.
    pub fn tokens_issued(&self) -> u64 {
        self.tenant.issuer.issued()
    }

    /// Returns how many logins were accepted and rejected.
    pub fn logins(&self) -> Logins {
        Logins {
            accepted: self.tenant.accepted_logins.load(Relaxed),
            rejected: self.tenant.rejected_logins.load(Relaxed),
        }
    }

    /// Returns why the latest rejected login was rejected.
    pub fn last_rejection(&self) -> Option<String> {
        self.tenant.last_rejection()
    }

    /// Revokes the tokens that the role's identity has been given so far. Open connections stay open.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn revoke(&self, role: &str) -> Result<(), Error> {
        self.tenant.revoke(role)
    }

    /// Makes any token, good or deliberately bad, without a request to an endpoint.
    ///
    /// # Errors
    /// When it cannot be signed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads best with a spec built in place"
    )]
    pub fn mint(&self, spec: TokenSpec) -> Result<String, Error> {
        self.tenant.mint(&spec)
    }

    /// Restarts PostgreSQL on the same port; open connections end, data survives.
    ///
    /// # Errors
    /// When it does not come back within a minute.
    pub async fn restart_postgres(&self) -> Result<(), Error> {
        let cluster = Arc::clone(&self.cluster);
        self.spawn(async move { cluster.restart().await }).await
    }

    /// Terminates all connections of clients.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached.
    pub async fn terminate_connections(&self) -> Result<(), Error> {
        let cluster = Arc::clone(&self.cluster);
        self.spawn(async move { cluster.terminate_connections().await })
            .await
    }

    /// Returns how many connections clients hold, the emulator's own excluded.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached.
    pub async fn connections(&self) -> Result<u64, Error> {
        let cluster = Arc::clone(&self.cluster);
        self.spawn(async move { cluster.connections().await }).await
    }

    /// Runs SQL as the superuser over a private socket. Rows come back as text, one per line, columns
    /// separated by `|`, NULL as the empty string.
    ///
    /// # Errors
    /// What PostgreSQL reports.
    pub async fn execute(&self, sql: &str) -> Result<String, Error> {
        let (cluster, sql) = (Arc::clone(&self.cluster), sql.to_owned());
        self.spawn(async move { cluster.execute(&sql).await }).await
    }

    async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.runtime.spawn(work).await.map_err(|_| Error::Stopped)?
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("settings", &self.tenant.settings())
            .finish_non_exhaustive()
    }
}
