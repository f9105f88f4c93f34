//! What an adapter implements to take part in the suites.

use std::time::Duration;

use async_trait::async_trait;
use deadpool::managed::{Manager, Pool, PoolBuilder};
use entra_pg_core::{Entra, Error, ErrorKind, Target};
use entra_pg_tokio_postgres::{Connector, tokio_postgres::CancelToken};

/// How many connections a pool may have, unless a test says otherwise.
pub const POOL_SIZE: u32 = 8;

/// Opens the pool, or the connector, that an adapter gives its users.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// With room for `size` connections.
    async fn open_sized(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error>;

    /// With room for [`POOL_SIZE`] connections.
    async fn open(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
    ) -> Result<Box<dyn TestPool>, Error> {
        self.open_sized(url, target, entra, POOL_SIZE).await
    }
}

#[async_trait]
pub trait TestPool: Send + Sync {
    /// A connection for the caller alone; a new physical one if all others are in use.
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String>;

    /// Cancels the query that another task runs, as the adapter's documentation says to: here, over another connection.
    async fn cancel(&self, query: &Cancel) -> Result<(), String> {
        let sql = format!("SELECT pg_cancel_backend({})::text", query.pid);
        self.acquire().await?.query(&sql).await.map(drop)
    }

    /// Closes it while others may still be using it. Does nothing for a pool that is closed by dropping it.
    async fn shut(&self) {}

    /// Closes it as the adapter's documentation says to.
    async fn close(self: Box<Self>) {
        self.shut().await;
    }
}

#[async_trait]
pub trait TestConnection: Send {
    /// Returns the first column of the first row, a text.
    async fn query(&mut self, sql: &str) -> Result<String, String>;

    /// The driver's own means to cancel a query, if it has one.
    fn cancel_token(&self) -> Option<CancelToken> {
        None
    }
}

/// What a query is found by that is to be cancelled.
pub struct Cancel {
    /// The process id of its server process.
    pub pid: String,
    pub token: Option<CancelToken>,
}

pub(super) fn text(error: impl std::error::Error + 'static) -> String {
    entra_pg_core::connect::chain(&error)
}

/// How long a pool lets its user wait: so many seconds, and not less than one for each connection that it may have to open, nor
/// than a connect may take.
pub(super) fn acquire_timeout(seconds: u32, size: u32, target: &Target) -> Duration {
    let connections = Duration::from_secs(seconds.max(size).into());
    connections.max(target.connect_timeout())
}

/// For a pool that tries a connect that fails again until then: long enough for one that takes its whole time.
pub(super) fn retry_timeout(target: &Target, size: u32) -> Duration {
    let connect = target.connect_timeout();
    let whole = acquire_timeout(20, size, target).max(connect + Duration::from_secs(5));
    whole.min(connect * 2)
}

/// Replaces a pool's timeout by its cause, as the README of the adapter says to.
pub(super) fn checked<E>(first: Result<(), E>, connector: &Connector) -> Result<(), Error>
where
    E: std::error::Error + 'static,
{
    // The connector knows why, unless it was the pool's own check that failed.
    let of_pool = |error| Error::new(ErrorKind::ConnectTimeout, text(error));
    first.map_err(|error| connector.last_error().unwrap_or_else(|| of_pool(error)))
}

/// Builds a deadpool pool and opens its first connection.
pub(super) async fn deadpool<M>(
    pool: PoolBuilder<M>,
    size: u32,
    connector: &Connector,
) -> Result<Box<dyn TestPool>, Error>
where
    M: Manager<Error: std::error::Error + 'static> + 'static,
    Pool<M>: TestPool,
{
    let pool = pool
        .max_size(size as usize)
        .build()
        .expect("no timeouts are set, or it has a runtime");
    checked(pool.get().await.map(drop), connector)?;
    Ok(cancelling(pool, connector))
}

/// A pool whose queries its connector cancels.
pub(super) fn cancelling(
    pool: impl TestPool + 'static,
    connector: &Connector,
) -> Box<dyn TestPool> {
    Box::new(Cancelling {
        pool,
        connector: connector.clone(),
    })
}

struct Cancelling<P> {
    pool: P,
    connector: Connector,
}

#[async_trait]
impl<P: TestPool> TestPool for Cancelling<P> {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        self.pool.acquire().await
    }

    async fn cancel(&self, query: &Cancel) -> Result<(), String> {
        let token = query.token.as_ref().expect("the driver has a token");
        self.connector.cancel(token).await.map_err(text)
    }

    async fn shut(&self) {
        self.pool.shut().await;
    }
}

/// A bb8 pool, whose errors only report a timeout, and the connector, which knows the cause.
pub(super) struct WithCause<P> {
    pub(super) pool: P,
    pub(super) connector: Connector,
}

impl<P> WithCause<P> {
    pub(super) fn text(&self, error: impl std::error::Error + 'static) -> String {
        match self.connector.last_error() {
            Some(cause) => format!("{}: {cause}", text(error)),
            None => text(error),
        }
    }
}
