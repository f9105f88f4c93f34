//! How a pool's connections get their tokens, and a user's changes to the connect options.

use std::{fmt, sync::Arc};

use sqlx::postgres::PgConnectOptions;

/// How a pool's connections get their tokens.
///
/// Both give the plain pool, and both keep it usable for as long as tokens can be had. Rotation costs nothing per query, and
/// is behind for a moment after a process was frozen past its token's expiry. Per connection is exact: a token that the
/// server refuses is replaced and tried once more, and it needs no `close()`; it costs a copy of every byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// A background task gives the pool each new token.
    #[default]
    Rotate,
    /// Each connection passes through a proxy in this process, which fetches a token for it. On Unix, since the proxy's
    /// socket is one that only this process reaches.
    #[cfg(all(unix, feature = "per-connection"))]
    PerConnection,
}

type Configure = dyn Fn(PgConnectOptions) -> PgConnectOptions + Send + Sync;

/// Options of [`connect_with`](crate::connect_with). The default is what [`connect`](crate::connect) uses.
///
/// ```
/// use entra_pg_sqlx::EntraOptions;
///
/// let options = EntraOptions::new().configure(|options| options.statement_cache_capacity(20));
/// ```
#[derive(Clone, Default)]
pub struct EntraOptions {
    pub(crate) strategy: Strategy,
    pub(crate) configure: Option<Arc<Configure>>,
}

impl EntraOptions {
    /// Creates the default options: rotation, and no changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how connections get their tokens.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Changes the connect options: statement cache, logging, further settings. User, password and `ssl_mode` are set
    /// afterwards; the closure must not change the host, nor set a socket. It runs once for each pool.
    #[must_use]
    pub fn configure(
        mut self,
        configure: impl Fn(PgConnectOptions) -> PgConnectOptions + Send + Sync + 'static,
    ) -> Self {
        self.configure = Some(Arc::new(configure));
        self
    }
}

impl fmt::Debug for EntraOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraOptions")
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}
