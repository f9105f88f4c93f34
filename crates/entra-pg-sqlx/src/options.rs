//! From a target to sqlx's connect options, and what of them is not the user's to change.

use entra_pg_core::{Database, Error, ErrorKind, Login, Target};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Connect options for a target, without user and password. Password files are not read.
pub fn base(target: &Target) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(target.hosts()[0].name())
        .port(target.hosts()[0].port())
        .options(
            target
                .session_settings()
                .iter()
                .map(|(name, value)| (name, value)),
        );
    if let Some(database) = target.database() {
        options = options.database(database);
    }
    if let Some(name) = target.application_name() {
        options = options.application_name(name);
    }
    options
}

/// Puts name and token into options that a user may have changed, and verification back to where it must be. Everything
/// else (port, database, logging, statement cache, settings, …) stays as the user left it; so do root certificates
/// that the target does not name.
///
/// # Errors
/// [`ErrorKind::InvalidTarget`] if the options lead to another host than the target, or to a Unix-domain socket, which has
/// no certificate to check.
pub fn seal(
    options: PgConnectOptions,
    database: &Database,
    login: &Login,
) -> Result<PgConnectOptions, Error> {
    check_destination(&options, database)?;
    let target = database.target();
    let mode = if target.uses_tls() {
        PgSslMode::VerifyFull
    } else {
        PgSslMode::Disable
    };
    // Without an earlier token, so that what follows makes no copy of one.
    let options = options
        .host(target.hosts()[0].name())
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
fn names_no_file(options: &PgConnectOptions) -> bool {
    format!("{options:?}").contains(r#"ssl_root_cert: Some(File(""))"#)
}

/// A token goes to the target's host, and only there.
pub(crate) fn check_destination(
    options: &PgConnectOptions,
    database: &Database,
) -> Result<(), Error> {
    let host = options.get_host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if !bare
        .unwrap_or(host)
        .eq_ignore_ascii_case(database.target().hosts()[0].name())
    {
        return Err(Error::new(
            ErrorKind::InvalidTarget,
            "the connect options lead to another host than the URL",
        )
        .with_hint(
            "give the host in the URL: the token's scope and the TLS policy follow from it",
        ));
    }
    if options.get_socket().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidTarget,
            "the connect options lead to a Unix-domain socket, which has no TLS",
        )
        .with_hint("do not set a socket; give the server's name as the host"));
    }
    Ok(())
}
