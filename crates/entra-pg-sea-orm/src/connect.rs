//! Connects with SeaORM's own options.
//!
//! SeaORM keeps a user's `map_sqlx_postgres_opts` closure in a single slot that cannot be read; setting ours would discard
//! theirs. So the options are first used for a lazy pool that never connects, and what it would have connected with, the
//! user's closure applied, is what ours goes on from.

use entra_pg_sqlx::{
    adapter::{OpenFailure, connect_pool},
    entra_pg_core::{Entra, Error, ErrorKind, Host, LoginProvider, Target, connect::chain},
};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, postgres::PgConnectOptions},
};

use crate::{EntraOptions, version::without_pool_hooks};

/// Connects with the options' URL. The first token is fetched now; later ones are rotated in until the connection is closed.
///
/// Token and first connection together are waited for at most for the URL's `connect_timeout`; the options' own
/// `acquire_timeout` or `connect_timeout` may end that sooner. Cancelling leaves nothing behind.
///
/// # Errors
/// What is wrong with the URL, the token endpoint's own error, or why the first connection failed. An error of
/// `after_connect` is the [`driver_error`](Error::driver_error).
///
/// # Panics
/// Outside of a Tokio runtime, if a token is cached; if none is, that is an error.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sea_orm::{Entra, connect, sea_orm::ConnectOptions};
///
/// let entra = Entra::from_env()?;
/// let mut options = ConnectOptions::new("postgres://app@myserver.postgres.database.azure.com/orders");
/// options.max_connections(10);
/// let db = connect(options, &entra).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(options: ConnectOptions, entra: &Entra) -> Result<DatabaseConnection, Error> {
    connect_with(options, entra, EntraOptions::new()).await
}

/// Connects as [`connect`] does, by another [`Strategy`](crate::Strategy), or with a [`Target`] for what a URL cannot hold:
/// a scope, or root certificates from memory.
///
/// # Errors
/// As [`connect`]. A target for another host than the URL's is refused.
///
/// # Panics
/// As [`connect`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sea_orm::{
///     Entra, EntraOptions, connect_with, entra_pg_core::{Scope, Target}, sea_orm::ConnectOptions,
/// };
///
/// let entra = Entra::from_env()?;
/// let url = "postgres://app@db.contoso.com/orders";
/// let scope = Scope::new("https://ossrdbms-aad.database.usgovcloudapi.net")?;
/// let target = Target::parse(url)?.with_scope(scope);
/// let options = EntraOptions::new().target(target);
/// let db = connect_with(ConnectOptions::new(url), &entra, options).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect_with(
    options: ConnectOptions,
    entra: &Entra,
    entra_options: EntraOptions,
) -> Result<DatabaseConnection, Error> {
    let EntraOptions { strategy, target } = entra_options;
    // Also if a target is given: a URL with a password, or without TLS, is refused.
    let url_target = Target::parse(options.get_url())?;
    let target = target.unwrap_or_else(|| url_target.clone());
    let provider = entra.login_provider(target)?;
    let base = with_one_host(user_options(&options).await?, provider.target());
    check_target(&provider, &url_target, &base)?;
    let open = |prepared: PgConnectOptions| {
        let mut options = options.clone();
        options.map_sqlx_postgres_opts(move |_| prepared.clone());
        async {
            let connection = Database::connect(options).await.map_err(open_error)?;
            let pool = connection.get_postgres_connection_pool().clone();
            Ok((connection, pool))
        }
    };
    connect_pool("sea-orm", provider, strategy, base, open).await
}

/// SeaORM takes a list of hosts for one name.
fn with_one_host(options: PgConnectOptions, target: &Target) -> PgConnectOptions {
    let names: Vec<_> = target.hosts().iter().map(Host::name).collect();
    if options.get_host() == names.join(",") {
        return options.host(names[0]);
    }
    options
}

/// Where the options lead as the URL says, another host is the target's fault, not theirs.
fn check_target(
    provider: &LoginProvider,
    url_target: &Target,
    options: &PgConnectOptions,
) -> Result<(), Error> {
    let host = options.get_host();
    let mut hosts = url_target.hosts().iter();
    let is_of_url = hosts.any(|known| known.name().eq_ignore_ascii_case(host));
    if is_of_url && provider.check_destination(host).is_err() {
        return Err(Error::new(
            ErrorKind::InvalidTarget,
            "EntraOptions::target is for another host than the options' URL",
        )
        .with_hint("give both the same host"));
    }
    Ok(())
}

/// What SeaORM makes of the options: logging, timeouts, settings, the user's closure.
async fn user_options(options: &ConnectOptions) -> Result<PgConnectOptions, Error> {
    let mut lazy = options.clone();
    lazy.connect_lazy(true).min_connections(0);
    without_pool_hooks(&mut lazy);
    let unconnected = Database::connect(lazy).await.map_err(|error| {
        Error::new(ErrorKind::InvalidTarget, chain(&error))
            .with_hint(
                "correct the connect options: SeaORM cannot use them; its URL begins with postgres:// and has one port, \
                 other strings and lists of ports go into EntraOptions::target",
            )
    })?;
    let prepared = unconnected.get_postgres_connection_pool().connect_options();
    Ok(prepared.as_ref().clone())
}

fn open_error(error: DbErr) -> OpenFailure {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause)) => cause.into(),
        DbErr::ConnectionAcquire(_) => sqlx::Error::PoolTimedOut.into(),
        other => Error::new(ErrorKind::Connect, chain(&other))
            .with_hint("SeaORM, or a closure of its options, refused the connection")
            .with_driver_error(other)
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::useless_conversion, reason = "SeaORM 2.0 keeps an `Arc`")]
    fn what_sea_orm_reports_is_told_apart() {
        let of_sqlx = DbErr::Conn(RuntimeErr::SqlxError(sqlx::Error::PoolClosed.into()));
        assert!(matches!(open_error(of_sqlx), OpenFailure::Driver(_)));
        let OpenFailure::Other(error) = open_error(DbErr::Custom("no".into())) else {
            panic!("it is not the driver's");
        };
        let kept = error.driver_error().expect("it is kept");
        assert!(kept.is::<DbErr>());
    }

    #[tokio::test]
    async fn a_string_that_only_we_understand_is_led_to_the_option_that_takes_it() {
        for string in [
            "host=a.example dbname=orders user=app",
            "postgres://app@a.example:5432,b.example:6432/orders",
        ] {
            let result = user_options(&ConnectOptions::new(string)).await;
            let error = result.expect_err(string);
            assert_eq!(error.kind(), ErrorKind::InvalidTarget, "{string}");
            assert!(error.hint().contains("EntraOptions::target"), "{error}");
        }
    }
}
