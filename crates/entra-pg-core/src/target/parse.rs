//! Reads a connection string and the `PG*` variables into a [`Target`]. Pure but for the root certificate file.
//!
//! Our own parser owns the URL, so that all drivers see the same policy: `tokio-postgres` does not know
//! `sslmode=verify-full`, and both drivers would default to `prefer`.

use std::time::Duration;

use super::{
    cloud::Scope,
    host::{self, Host},
    keepalive::{self, Keepalive},
    params::Params,
    role::check_role,
    root_certificates::RootCertificates,
    session_attrs::{LoadBalanceHosts, TargetSessionAttrs},
    target::{LONGEST_CONNECT_TIMEOUT, Target},
};
use crate::{Error, ErrorKind, environment::Environment, observe};

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

impl Target {
    /// Reads a URL, or libpq's keyword form, and the process's `PG*` variables for what it leaves out. No connection is made;
    /// a file named by `sslrootcert` is read now, once. Blanks, line breaks and quotes around the string are ignored. If
    /// neither names a host, the server is that of Service Connector's variables (`AZURE_POSTGRESQL_HOST`, …).
    ///
    /// Blocks while it reads that file: for milliseconds, or for 5 s at most where a mount is dead. In async code call it once,
    /// at the start.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::Target;
    ///
    /// let target = Target::parse("host=myserver.postgres.database.azure.com dbname=orders user='My Group'")?;
    /// assert_eq!((target.user(), target.database()), (Some("My Group"), Some("orders")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::PasswordInUrl`], [`ErrorKind::InsecureTls`], [`ErrorKind::RootCertificates`], and
    /// [`ErrorKind::InvalidTarget`] for everything else that is wrong. No error repeats the URL.
    pub fn parse(url: &str) -> Result<Self, Error> {
        Self::read(Params::read(url)?, &Environment::of_process())
    }

    /// As [`parse`](Self::parse), with these [parameters](Self::PARAMETERS), which override the URL's. For settings that have
    /// a field for each; `postgres://` is a URL that says nothing.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::Target;
    ///
    /// let settings = [("host", "myserver.postgres.database.azure.com"), ("dbname", "orders")];
    /// let target = Target::parse_with_parameters("postgres://", settings)?;
    /// assert_eq!(target.database(), Some("orders"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_parameters(
        url: &str,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, Error> {
        let mut params = Params::read(url)?;
        params.extend(parameters)?;
        Self::read(params, &Environment::of_process())
    }

    /// As [`parse`](Self::parse), with these variables in place of the process's. They are the whole environment; others
    /// than libpq's and Service Connector's are ignored.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::Target;
    ///
    /// let variables = [("PGHOST", "myserver.postgres.database.azure.com"), ("PGUSER", "app")];
    /// let target = Target::parse_with_vars("postgres:///orders", variables)?;
    /// assert_eq!((target.user(), target.database()), (Some("app"), Some("orders")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_vars(
        url: &str,
        vars: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Self, Error> {
        Self::read(Params::read(url)?, &Environment::from_pairs(vars))
    }

    fn read(mut params: Params, environment: &Environment) -> Result<Self, Error> {
        params.fill_from(environment)?;
        let mut take = |name: &str| params.take(name);

        let ports = take("port").unwrap_or_default();
        let hosts = host::list(&take("host").unwrap_or_default(), &ports)?;
        let user = take("user");
        if let Some(user) = &user {
            check_role(user, &hosts)?;
        }
        check_sslmode(take("sslmode").as_deref())?;
        check_channel_binding(take("channel_binding").as_deref())?;
        let sslrootcert = take("sslrootcert");
        let keepalive = Keepalive::read(&mut take)?;
        Ok(Self {
            scope: scope(&hosts)?,
            hosts,
            user,
            database: take("dbname"),
            has_explicit_root_certificates: sslrootcert.is_some(),
            root_certificates: sslrootcert.map_or(Ok(RootCertificates::Platform), |text| {
                root_certificates(&text)
            })?,
            tls: true,
            direct_tls: direct_tls(take("sslnegotiation").as_deref())?,
            application_name: take("application_name"),
            connect_timeout: take("connect_timeout")
                .map_or(Ok(DEFAULT_CONNECT_TIMEOUT), |text| connect_timeout(&text))?,
            session_attrs: TargetSessionAttrs::read(take("target_session_attrs").as_deref())?,
            load_balance_hosts: LoadBalanceHosts::read(take("load_balance_hosts").as_deref())?,
            keepalive,
            tcp_user_timeout: keepalive::user_timeout(
                take("tcp_user_timeout").as_deref(),
                keepalive,
            )?,
            session_settings: params.session_settings,
        })
    }
}

/// One token is for the servers of one cloud. A name that does not say which takes that of the others.
fn scope(hosts: &[Host]) -> Result<Scope, Error> {
    let mut clouds = hosts
        .iter()
        .filter_map(|host| Scope::of_azure_host(host.name()));
    let scope = clouds.next();
    if clouds.any(|other| Some(other) != scope) {
        return Err(invalid(
            "the hosts belong to different clouds, whose servers take different tokens",
        )
        .with_hint("use one target, and one pool, for each cloud"));
    }
    Ok(scope.unwrap_or_default())
}

/// A server that receives the token can use it for up to a day, so nothing below `verify-full` is done.
fn check_sslmode(mode: Option<&str>) -> Result<(), Error> {
    match mode {
        None | Some("verify-full") => Ok(()),
        Some(raised @ ("require" | "verify-ca")) => {
            observe::sslmode_raised(raised);
            Ok(())
        }
        Some(refused @ ("disable" | "allow" | "prefer")) => Err(Error::new(
            ErrorKind::InsecureTls,
            format!("sslmode={refused} could send the token in clear text"),
        )
        .with_hint("use sslmode=verify-full, or leave sslmode and PGSSLMODE out")),
        Some(_) => Err(invalid("sslmode is not one of libpq's")
            .with_hint("use sslmode=verify-full, or leave sslmode and PGSSLMODE out")),
    }
}

fn direct_tls(negotiation: Option<&str>) -> Result<bool, Error> {
    match negotiation {
        None | Some("postgres") => Ok(false),
        Some("direct") => Ok(true),
        Some(_) => Err(invalid("sslnegotiation is neither postgres nor direct")
            .with_hint("leave sslnegotiation and PGSSLNEGOTIATION out, or use direct with PostgreSQL 17 or later")),
    }
}

fn check_channel_binding(mode: Option<&str>) -> Result<(), Error> {
    match mode {
        None | Some("disable" | "prefer") => Ok(()),
        Some(_) => Err(
            invalid("channel_binding can only be disable or prefer with a token")
                .with_hint("leave channel_binding and PGCHANNELBINDING out"),
        ),
    }
}

fn root_certificates(text: &str) -> Result<RootCertificates, Error> {
    match text {
        "system" => Ok(RootCertificates::Platform),
        path => RootCertificates::from_file(path),
    }
}

fn connect_timeout(text: &str) -> Result<Duration, Error> {
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds).min(LONGEST_CONNECT_TIMEOUT)),
        _ => Err(
            invalid("connect_timeout is not a positive number of seconds")
                .with_hint("a timeout is required; omit it for the default of 15 s"),
        ),
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
