//! A database on a server: what an adapter makes its driver's options from.

use std::time::Duration;

use super::{
    cloud::Scope,
    host::Host,
    keepalive::Keepalive,
    root_certificates::RootCertificates,
    session_attrs::{LoadBalanceHosts, TargetSessionAttrs},
    session_settings::join,
};
use crate::{Error, ErrorKind};

/// A century: there is an `Instant` after it, which deadlines are.
pub(super) const LONGEST_CONNECT_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A database on a server, read from a URL and libpq's `PG*` variables. Holds no secret.
///
/// The URL is `postgres://ROLE@HOST[:PORT]/DATABASE[?PARAMETER=VALUE&…]` without a password. libpq's keyword form,
/// `host=HOST dbname=DATABASE user='ROLE'`, is read in its place. `PGPASSWORD` and password files are ignored. A parameter that the URL leaves out is read from its variable. [`Target::PARAMETERS`] is this table, with what
/// differs in single adapters:
///
/// | parameter | variable | meaning | default |
/// |---|---|---|---|
/// | `application_name` | `PGAPPNAME` | the name of the sessions in `pg_stat_activity` | none |
/// | `channel_binding` | `PGCHANNELBINDING` | `disable` or `prefer`; a cleartext token has nothing to bind | `prefer` |
/// | `connect_timeout` | `PGCONNECT_TIMEOUT` | seconds for token, TCP, TLS and authentication together | `15` |
/// | `dbname` | `PGDATABASE` | the database; overrides the URL's path | named like the role |
/// | `host` | `PGHOST` | the server's full name, or several, separated by commas; overrides the URL's | none |
/// | `keepalives` | | whether the operating system looks after silent connections (TCP keepalive): `1` or `0` | `1` |
/// | `keepalives_count` | | unacknowledged probes after which the connection ends, up to 127; `0` is the system's default | `3` |
/// | `keepalives_idle` | | seconds of silence before the first probe, up to 32767; `0` is the system's default | `60` |
/// | `keepalives_interval` | | seconds between unacknowledged probes, up to 32767; `0` is the system's default | `10` |
/// | `load_balance_hosts` | `PGLOADBALANCEHOSTS` | `disable`, or `random`: hosts and their addresses are tried in another order for each connection | `disable` |
/// | `options` | `PGOPTIONS` | session settings, `-c NAME=VALUE …`; `options[NAME]=VALUE` is one of them; the URL's are added to the variable's | none |
/// | `port` | `PGPORT` | the TCP port, or one for each host, separated by commas; overrides the URL's | `5432` |
/// | `sslmode` | `PGSSLMODE` | `verify-full`; `require` and `verify-ca` are raised to it, others are refused | `verify-full` |
/// | `sslnegotiation` | `PGSSLNEGOTIATION` | `postgres` requests TLS first; `direct` begins with TLS, as PostgreSQL 17 and later allow | `postgres` |
/// | `sslrootcert` | `PGSSLROOTCERT` | a file of PEM certificates to trust instead of the platform's, or `system` | `system` |
/// | `target_session_attrs` | `PGTARGETSESSIONATTRS` | which of the hosts: `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby` | `any` |
/// | `tcp_user_timeout` | | milliseconds that what was sent may stay unacknowledged before the connection ends (Linux); `0` is the system's default | `keepalives_idle` + `keepalives_interval` × `keepalives_count` |
/// | `user` | `PGUSER` | the role; overrides the URL's user | the name in the token |
///
/// ```
/// # fn main() -> Result<(), entra_pg_core::Error> {
/// use entra_pg_core::Target;
///
/// let target = Target::parse("postgres://app@myserver.postgres.database.azure.com/orders")?;
/// assert_eq!(target.user(), Some("app"));
/// assert_eq!(target.scope().as_str(), "https://ossrdbms-aad.database.windows.net/.default");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) hosts: Vec<Host>,
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) root_certificates: RootCertificates,
    pub(super) has_explicit_root_certificates: bool,
    pub(super) tls: bool,
    pub(super) direct_tls: bool,
    pub(super) application_name: Option<String>,
    pub(super) session_settings: Vec<(String, String)>,
    pub(super) connect_timeout: Duration,
    pub(super) session_attrs: TargetSessionAttrs,
    pub(super) load_balance_hosts: LoadBalanceHosts,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) tcp_user_timeout: Option<Duration>,
    pub(super) scope: Scope,
}

impl Target {
    /// Returns the servers to try, in this order: at least one.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// let target = entra_pg_core::Target::parse("postgres://app@a.example:5432,b.example:6432/orders")?;
    /// let ports: Vec<_> = target.hosts().iter().map(|host| host.port()).collect();
    /// assert_eq!(ports, [5432, 6432]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Returns the role to log in as, if it was given. It always wins over what a token says.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the database. Without one the server takes the one named like the role.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Returns the certificates that the server's must lead to.
    pub fn root_certificates(&self) -> &RootCertificates {
        &self.root_certificates
    }

    /// Returns `true` if the root certificates were chosen (by `sslrootcert` or
    /// [`with_root_certificates`](Self::with_root_certificates)), not taken by default.
    pub fn has_explicit_root_certificates(&self) -> bool {
        self.has_explicit_root_certificates
    }

    /// Returns `false` only after [`dangerously_without_tls`](Self::dangerously_without_tls).
    pub fn uses_tls(&self) -> bool {
        self.tls
    }

    /// Returns `true` if a connection begins with the TLS handshake, without a request for it (`sslnegotiation=direct`). The
    /// handshake must then name the protocol `postgresql` (ALPN).
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// let target = entra_pg_core::Target::parse("postgres://app@db.example/orders?sslnegotiation=direct")?;
    /// assert!(target.uses_direct_tls());
    /// # Ok(())
    /// # }
    /// ```
    pub fn uses_direct_tls(&self) -> bool {
        self.tls && self.direct_tls
    }

    /// Returns the name that the server shows for this client's sessions.
    pub fn application_name(&self) -> Option<&str> {
        self.application_name.as_deref()
    }

    /// Returns the settings for each session (`options`), in the order given.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// let url = "postgres://app@db.example/orders?options[lock_timeout]=2s&options=-c%20jit%3Doff";
    /// let target = entra_pg_core::Target::parse(url)?;
    /// assert_eq!(target.session_settings()[0], ("lock_timeout".to_owned(), "2s".to_owned()));
    /// assert_eq!(target.options().as_deref(), Some("-c lock_timeout=2s -c jit=off"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn session_settings(&self) -> &[(String, String)] {
        &self.session_settings
    }

    /// Returns the session settings as one string for the `options` startup parameter; `None` without any.
    pub fn options(&self) -> Option<String> {
        join(&self.session_settings)
    }

    /// Returns the time allowed for token, TCP, TLS and authentication together.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Returns how the operating system finds out that the server is gone while nothing is sent; `None` for `keepalives=0`.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use std::time::Duration;
    ///
    /// let target = entra_pg_core::Target::parse("postgres://app@db.example/orders?keepalives_idle=30")?;
    /// let keepalive = target.keepalive().expect("it is on by default");
    /// assert_eq!(keepalive.idle, Some(Duration::from_secs(30)));
    /// assert_eq!(target.tcp_user_timeout(), Some(Duration::from_secs(60)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn keepalive(&self) -> Option<Keepalive> {
        self.keepalive
    }

    /// Returns how long what was sent may stay unacknowledged before the connection ends, on Linux; `None` for the system's
    /// default.
    pub fn tcp_user_timeout(&self) -> Option<Duration> {
        self.tcp_user_timeout
    }

    /// Returns what the server must be like.
    pub fn target_session_attrs(&self) -> TargetSessionAttrs {
        self.session_attrs
    }

    /// Returns in which order hosts and their addresses are tried.
    pub fn load_balance_hosts(&self) -> LoadBalanceHosts {
        self.load_balance_hosts
    }

    /// Returns the scope to request tokens for: by default that of the cloud that the host's name belongs to.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Logs in as this role.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Connects to this TCP port, on every host.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        for host in &mut self.hosts {
            host.set_port(port);
        }
        self
    }

    /// Connects to a server that is like this, as for a second pool that only reads.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::{Target, TargetSessionAttrs};
    ///
    /// let writer = Target::parse("postgres://app@a.example,b.example/orders?target_session_attrs=read-write")?;
    /// let reader = writer.clone().with_target_session_attrs(TargetSessionAttrs::PreferStandby);
    /// assert_eq!(reader.target_session_attrs().as_str(), "prefer-standby");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_target_session_attrs(mut self, attrs: TargetSessionAttrs) -> Self {
        self.session_attrs = attrs;
        self
    }

    /// Requests tokens for this scope, for a server behind a name of your own in another cloud than the public one.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Trusts these root certificates, whatever `sslrootcert` says.
    #[must_use]
    pub fn with_root_certificates(mut self, certificates: RootCertificates) -> Self {
        self.root_certificates = certificates;
        self.has_explicit_root_certificates = true;
        self
    }

    /// Allows this much time for token, TCP, TLS and authentication together, a century at most.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST_CONNECT_TIMEOUT);
        self
    }

    /// Sends the token in clear text over plain TCP, to this machine only. Any program that can listen on the loopback
    /// interface can log in with it until it expires. For a test server without TLS; there is no other use.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::Target;
    ///
    /// assert!(Target::parse("postgres://app@localhost/orders")?.dangerously_without_tls().is_ok());
    /// assert!(Target::parse("postgres://app@db.example/orders")?.dangerously_without_tls().is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InsecureTls`] for any other host.
    pub fn dangerously_without_tls(mut self) -> Result<Self, Error> {
        if let Some(remote) = self.hosts.iter().find(|host| !host.is_loopback()) {
            return Err(Error::new(
                ErrorKind::InsecureTls,
                format!("a token must not go to {} without TLS", remote.name()),
            )
            .with_hint("only localhost, 127.0.0.1 and ::1 can be used without TLS"));
        }
        self.tls = false;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Target>();
        check::<Host>();
        check::<RootCertificates>();
        check::<Scope>();
    }
}
