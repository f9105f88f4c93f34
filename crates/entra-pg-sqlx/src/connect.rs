//! Connects a pool that sqlx's own options describe.

use entra_pg_core::{Entra, Error, IntoTarget};
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{EntraOptions, adapter::connect_pool, options::connect_options};

/// Connects a pool that logs in with Microsoft Entra tokens. The pool options keep their meaning. The first token is fetched
/// now; later ones are rotated in until [`PgPool::close`].
///
/// Token and first connection together are waited for at most for the target's `connect_timeout`; the pool's own
/// `acquire_timeout` may end that sooner. A pool retries a refused connection until its time is up, and does not say why; so 2 s
/// before the deadline, a second connection is opened to find the cause. The pool is opened in a task of its own, so that a read
/// of sqlx that does not yield stops no caller; on a runtime with one worker it does (see the threat model). Cancelling leaves
/// nothing behind.
///
/// # Errors
/// What is wrong with the target, the token endpoint's own error, or why the first connection failed.
///
/// # Panics
/// Outside of a Tokio runtime, if a token is cached; if none is, that is an error.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sqlx::{Entra, connect, sqlx::postgres::PgPoolOptions};
///
/// let entra = Entra::from_env()?;
/// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
/// let pool = connect(PgPoolOptions::new().max_connections(10), url, &entra).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(
    pool_options: PgPoolOptions,
    target: impl IntoTarget,
    entra: &Entra,
) -> Result<PgPool, Error> {
    connect_with(pool_options, target, entra, EntraOptions::new()).await
}

/// Connects as [`connect`] does, by another [`Strategy`](crate::Strategy), or with changed connect options.
///
/// # Errors
/// As [`connect`].
///
/// # Panics
/// As [`connect`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sqlx::{Entra, EntraOptions, connect_with, sqlx::postgres::PgPoolOptions};
///
/// let entra = Entra::from_env()?;
/// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
/// let options = EntraOptions::new().configure(|options| options.statement_cache_capacity(20));
/// let pool = connect_with(PgPoolOptions::new(), url, &entra, options).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect_with(
    pool_options: PgPoolOptions,
    target: impl IntoTarget,
    entra: &Entra,
    options: EntraOptions,
) -> Result<PgPool, Error> {
    let provider = entra.login_provider(target)?;
    let mut base = connect_options(provider.target());
    if let Some(configure) = options.configure {
        base = configure(base);
    }
    let open = |options| {
        let pool_options = pool_options.clone();
        async {
            let pool = pool_options.connect_with(options).await?;
            Ok((pool.clone(), pool))
        }
    };
    connect_pool("sqlx", provider, options.strategy, base, open).await
}
