//! From a target to sqlx's connect options, and what of them is not the user's to change.

use entra_pg_core::{
    Error, ErrorKind, Host, LoadBalanceHosts, Login, LoginProvider, Target, TargetSessionAttrs,
};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::version::setting;

/// Returns connect options for a target, without user and password. Password files are not read, and of the process's variables
/// only those that sqlx reads in any case: `PGOPTIONS`, `PGSSLCERT`, `PGSSLKEY`.
///
/// ```
/// # fn main() -> Result<(), entra_pg_sqlx::Error> {
/// use entra_pg_sqlx::{connect_options, entra_pg_core::Target};
///
/// let target = Target::parse("postgres://app@myserver.postgres.database.azure.com/orders")?;
/// assert_eq!(connect_options(&target).get_database(), Some("orders"));
/// # Ok(())
/// # }
/// ```
pub fn connect_options(target: &Target) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass()
        .host(first_host(target).name())
        .port(first_host(target).port())
        .options(
            target
                .session_settings()
                .iter()
                .map(|(name, value)| (setting(name), setting(value))),
        );
    replace_variables(options, target)
}

/// sqlx has read the process's variables. The target may have been given others, or none.
fn replace_variables(options: PgConnectOptions, target: &Target) -> PgConnectOptions {
    let mut options = options
        .username("")
        .password("")
        .ssl_root_cert_from_pem(Vec::new());
    let (database, name) = (target.database(), target.application_name());
    if database.is_some() || options.get_database().is_some() {
        // For an empty name, too, the server takes the role's.
        options = options.database(database.unwrap_or_default());
    }
    if name.is_some() || options.get_application_name().is_some() {
        options = options.application_name(name.unwrap_or_default());
    }
    options
}

/// Sets name and token in options that a user may have changed, and verification to what it must be. Everything
/// else (port, database, logging, statement cache, settings, …) stays as the user left it; so do root certificates
/// that the target does not name.
///
/// The `Debug` of sqlx's options prints the password, and so the token: do not print them.
///
/// # Errors
/// [`ErrorKind::InvalidTarget`] if the options lead to another host than the target, or to a Unix-domain socket, which has
/// no certificate to check; if the target needs more than sqlx can do by itself, such as several hosts.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sqlx::{
///     Entra, apply_login, connect_options,
///     sqlx::{Connection, PgConnection},
/// };
///
/// let entra = Entra::from_env()?;
/// let provider = entra.login_provider("postgres://app@myserver.postgres.database.azure.com/orders")?;
/// let login = provider.login().await?;
/// let options = apply_login(connect_options(provider.target()), &provider, &login)?;
/// let connection = PgConnection::connect_with(&options).await?;
/// # Ok(())
/// # }
/// ```
pub fn apply_login(
    options: PgConnectOptions,
    provider: &LoginProvider,
    login: &Login,
) -> Result<PgConnectOptions, Error> {
    check_for_rotation(&options, provider)?;
    let target = provider.target();
    let mode = if target.uses_tls() {
        PgSslMode::VerifyFull
    } else {
        PgSslMode::Disable
    };
    // Without an earlier token, so that what follows makes no copy of one.
    let options = options
        .host(first_host(target).name())
        .ssl_mode(mode)
        .password("");
    let options = match target.root_certificates().pem() {
        Some(pem) => options.ssl_root_cert_from_pem(pem.to_vec()),
        // sqlx has read `sslrootcert=system` as the name of a file; no certificates of our own is what it means.
        None if target.has_explicit_root_certificates() || names_no_file(&options) => {
            options.ssl_root_cert_from_pem(Vec::new())
        }
        None => options,
    };
    Ok(options
        .username(login.user())
        .password(login.token().secret()))
}

/// An empty `sslrootcert` or `PGSSLROOTCERT`, which is none. sqlx reads the name of a file in it, and has no other way to ask.
/// Only SeaORM's options and a user's own can hold it: those of [`connect_options`] do not.
fn names_no_file(options: &PgConnectOptions) -> bool {
    format!("{options:?}").contains(r#"ssl_root_cert: Some(File(""))"#)
}

/// Checks that sqlx, which connects by itself, can do all that the target says.
fn check_for_sqlx(target: &Target) -> Result<(), Error> {
    let unsupported = if target.hosts().len() > 1 {
        "several hosts"
    } else if target.target_session_attrs() != TargetSessionAttrs::Any {
        "target_session_attrs"
    } else if target.load_balance_hosts() != LoadBalanceHosts::Disable {
        "load_balance_hosts"
    } else if target.uses_direct_tls() {
        "sslnegotiation=direct"
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::InvalidTarget,
        format!("sqlx, which connects by itself, cannot obey {unsupported}"),
    )
    .with_hint(
        "use Strategy::PerConnection (feature per-connection), by which entra-pg connects; or leave it out",
    ))
}

/// The one that sqlx connects to, if it is sqlx that connects.
fn first_host(target: &Target) -> &Host {
    &target.hosts()[0]
}

/// Checks options that a user may have changed, for a pool that connects to the server itself.
pub(crate) fn check_for_rotation(
    options: &PgConnectOptions,
    provider: &LoginProvider,
) -> Result<(), Error> {
    check_destination(options, provider)?;
    check_for_sqlx(provider.target())
}

/// Checks where options lead that a user may have changed.
pub(crate) fn check_destination(
    options: &PgConnectOptions,
    provider: &LoginProvider,
) -> Result<(), Error> {
    provider.check_destination(options.get_host())?;
    if options.get_socket().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidTarget,
            "the connect options lead to a Unix-domain socket, which has no TLS",
        )
        .with_hint("do not set a socket; give the server's name as the host"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        env::{current_exe, var_os},
        process::Command,
    };

    use super::*;

    const READ_BY_SQLX: [&str; 5] = [
        "PGUSER",
        "PGPASSWORD",
        "PGDATABASE",
        "PGAPPNAME",
        "PGSSLROOTCERT",
    ];

    /// Calls itself, since a process cannot set its own variables safely.
    #[test]
    fn variables_that_the_target_was_not_given_do_not_reach_the_options() {
        if var_os("PGAPPNAME").is_none_or(|name| name != "of-the-process") {
            let name =
                "options::tests::variables_that_the_target_was_not_given_do_not_reach_the_options";
            let variables = READ_BY_SQLX.map(|name| (name, "of-the-process"));
            let mut command = Command::new(current_exe().expect("a path"));
            let status = command.args(["--exact", name]).envs(variables).status();
            assert!(status.expect("it runs").success());
            return;
        }
        let target = Target::parse_with_vars("postgres://db.example", [("PGUSER", "app")]);
        let debug = format!("{:?}", connect_options(&target.expect("a target")));
        assert!(!debug.contains("of-the-process"), "{debug}");
    }
}
