//! Which server, database and role, and how its connection is secured.

mod cloud;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host;
mod parse;
mod settings;
mod tls;

use std::time::Duration;

pub(crate) use self::tls::client_config;
pub use self::{cloud::Scope, tls::Roots};
use crate::{Error, ErrorKind};

/// A century: there is an `Instant` after it, which deadlines are.
const LONGEST_CONNECT_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A database on a server, read from a URL and libpq's `PG*` variables. Holds no secret.
///
/// The URL is `postgres://ROLE@HOST[:PORT]/DATABASE[?PARAMETER=VALUE&…]` without a password. What the URL leaves out comes
/// from `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGAPPNAME`, `PGOPTIONS` and
/// `PGCONNECT_TIMEOUT`; `PGPASSWORD` and password files are ignored. The parameters, the same in every adapter:
///
/// | parameter | meaning | default |
/// |---|---|---|
/// | `host`, `port`, `user`, `dbname` | as in the address; they win over it | port 5432, database as the role |
/// | `sslmode` | `verify-full`; `require` and `verify-ca` are raised to it, others refused | `verify-full` |
/// | `sslrootcert` | a file of PEM certificates, or `system`; sqlx trusts the platform's in addition | `system` |
/// | `connect_timeout` | seconds for token, TCP, TLS and authentication together; in SeaORM for the token | 15 |
/// | `application_name` | shown in `pg_stat_activity` | none |
/// | `options`, `options[NAME]` | settings for the session: `-c NAME=VALUE …`, or one of them; added to those of `PGOPTIONS` | none |
/// | `channel_binding` | `disable` or `prefer`: a cleartext token has nothing to bind | `prefer` |
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
    host: String,
    port: u16,
    user: Option<String>,
    database: Option<String>,
    roots: Roots,
    roots_were_given: bool,
    tls: bool,
    application_name: Option<String>,
    settings: Vec<(String, String)>,
    connect_timeout: Duration,
    scope: Scope,
}

impl Target {
    /// Reads a URL, and the process's `PG*` variables for what it leaves out. No connection is made; a file named by
    /// `sslrootcert` is read now, once.
    ///
    /// # Errors
    /// [`ErrorKind::PasswordInUrl`], [`ErrorKind::InsecureTls`], [`ErrorKind::RootCertificates`], and
    /// [`ErrorKind::InvalidTarget`] for everything else that is wrong. No error repeats the URL.
    pub fn parse(url: &str) -> Result<Self, Error> {
        parse::parse(url, &|name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    /// The server's name, as it must stand in its certificate.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The server's TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The role to log in as, if it was given. It always wins over what a token says.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The database. Without one the server takes the one named like the role.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The certificates that the server's must lead to.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Whether the roots were chosen (`sslrootcert`, [`with_roots`](Self::with_roots)), not taken by default.
    pub fn roots_were_given(&self) -> bool {
        self.roots_were_given
    }

    /// `false` only after [`dangerously_without_tls`](Self::dangerously_without_tls).
    pub fn uses_tls(&self) -> bool {
        self.tls
    }

    /// The name that the server shows for this client's sessions.
    pub fn application_name(&self) -> Option<&str> {
        self.application_name.as_deref()
    }

    /// Settings for each session (`options`), in the order given.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The settings as one string for the `options` startup parameter; `None` without any.
    pub fn options(&self) -> Option<String> {
        settings::join(&self.settings)
    }

    /// The time allowed for token, TCP, TLS and authentication together.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The scope to request tokens for: by default that of the cloud that the host's name belongs to.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Logs in as this role.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Connects to this TCP port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Requests tokens for this scope, for a server behind a name of your own in another cloud than the public one.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Trusts these roots, whatever `sslrootcert` says.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self.roots_were_given = true;
        self
    }

    /// Allows this much time for token, TCP, TLS and authentication together, a century at most.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST_CONNECT_TIMEOUT);
        self
    }

    /// Sends the token in clear text over plain TCP, to this machine only. Whoever can listen on the loopback interface
    /// can log in with it until it expires. For a test server without TLS; there is no other use.
    ///
    /// # Errors
    /// [`ErrorKind::InsecureTls`] if the host is not `localhost` or a loopback address.
    pub fn dangerously_without_tls(mut self) -> Result<Self, Error> {
        if !host::is_loopback(&self.host) {
            return Err(Error::new(
                ErrorKind::InsecureTls,
                format!("a token must not go to {} without TLS", self.host),
            )
            .with_hint("only localhost, 127.0.0.1 and ::1 can be used without TLS"));
        }
        self.tls = false;
        Ok(self)
    }
}

/// What an adapter accepts as the place to connect to: a URL, or a [`Target`] made from one.
pub trait IntoTarget {
    /// Reads it.
    ///
    /// # Errors
    /// As [`Target::parse`].
    fn into_target(self) -> Result<Target, Error>;
}

impl IntoTarget for Target {
    fn into_target(self) -> Result<Target, Error> {
        Ok(self)
    }
}

impl IntoTarget for &Target {
    fn into_target(self) -> Result<Target, Error> {
        Ok(self.clone())
    }
}

impl IntoTarget for &str {
    fn into_target(self) -> Result<Target, Error> {
        Target::parse(self)
    }
}

impl IntoTarget for String {
    fn into_target(self) -> Result<Target, Error> {
        Target::parse(&self)
    }
}

impl IntoTarget for &String {
    fn into_target(self) -> Result<Target, Error> {
        Target::parse(self)
    }
}
