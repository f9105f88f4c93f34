//! The proxy in this process: a pool is given the path of its socket, which serves this process alone.

use std::time::Duration;

use entra_pg_core::{Error, Login, LoginProvider};
use entra_pg_proxy::Proxy;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::time::timeout;

use crate::options::check_destination;

const WAIT_FOR_CAUSE: Duration = Duration::from_millis(500);

/// Starts a proxy to where the options lead, and points them to the proxy. Everything else in them stays as it is.
pub(crate) fn start(
    options: PgConnectOptions,
    provider: LoginProvider,
    login: &Login,
) -> Result<(PgConnectOptions, Proxy), Error> {
    check_destination(&options, &provider)?;
    let provider = match provider.target().hosts().first() {
        // As the target says: each host has its own.
        Some(first) if first.port() == options.get_port() => provider,
        _ => provider.with_port(options.get_port()),
    };
    let proxy = Proxy::builder(provider)
        .this_process_only()
        .bind_private()?;
    let options = options
        .socket(proxy.address().host())
        .port(proxy.address().port())
        // From here to the proxy. What leaves the process is verified there.
        .ssl_mode(PgSslMode::Disable)
        .username(login.user());
    Ok((options, proxy))
}

/// Ends the proxy with the pool. The event holds no handle of it, and also comes when the last one is dropped.
pub(crate) fn attach(proxy: Proxy, pool: &PgPool) {
    tokio::spawn(proxy.serve_until(pool.close_event()));
}

/// Why the proxy could not connect. It has a moment to notice that the pool gave up first.
pub(crate) async fn cause(proxy: &Proxy, error: &sqlx::Error) -> Option<Error> {
    match error {
        sqlx::Error::PoolTimedOut => timeout(WAIT_FOR_CAUSE, proxy.next_error()).await.ok(),
        _ => proxy.last_error(),
    }
}
