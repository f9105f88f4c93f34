//! What a pool connects with, and what keeps its tokens fresh: rotation, or the proxy.

use std::sync::Arc;

use entra_pg_core::{
    Error, Login, LoginProvider,
    connect::{Attempt, Failure},
};
#[cfg(all(unix, feature = "per-connection"))]
use entra_pg_proxy::Proxy;
use sqlx::{PgPool, postgres::PgConnectOptions};

use crate::{
    Strategy,
    failure::diagnose,
    options::{apply_login, check_for_rotation},
    rotate,
};
#[cfg(all(unix, feature = "per-connection"))]
use crate::{options::check_destination, per_connection};

/// Connect options for a pool, and what has to go with the pool.
pub(crate) struct PoolTokens {
    options: PgConnectOptions,
    source: Source,
}

enum Source {
    Rotation {
        provider: LoginProvider,
        login: Login,
    },
    #[cfg(all(unix, feature = "per-connection"))]
    Proxy(Proxy),
}

impl PoolTokens {
    /// Checks what is wrong with the options, whatever the token is: before one is requested.
    pub(crate) fn check(
        strategy: Strategy,
        provider: &LoginProvider,
        options: &PgConnectOptions,
    ) -> Result<(), Error> {
        match strategy {
            Strategy::Rotate => check_for_rotation(options, provider),
            #[cfg(all(unix, feature = "per-connection"))]
            Strategy::PerConnection => check_destination(options, provider),
        }
    }

    pub(crate) fn prepare(
        strategy: Strategy,
        provider: &LoginProvider,
        login: Login,
        options: PgConnectOptions,
    ) -> Result<Self, Error> {
        let provider = provider.clone();
        match strategy {
            Strategy::Rotate => Ok(Self {
                options: apply_login(options, &provider, &login)?,
                source: Source::Rotation { provider, login },
            }),
            #[cfg(all(unix, feature = "per-connection"))]
            Strategy::PerConnection => {
                let (options, proxy) = per_connection::start(options, provider, &login)?;
                let source = Source::Proxy(proxy);
                Ok(Self { options, source })
            }
        }
    }

    /// What the pool is to connect with. Without a token in it, if there is a proxy.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Goes on for as long as the pool is open. Rotation keeps it open until it is closed; a proxy does not.
    ///
    /// # Errors
    /// What opened the pool has given it options that lead elsewhere.
    pub(crate) fn attach(self, pool: &PgPool) -> Result<(), Error> {
        match self.source {
            Source::Rotation { provider, login } => rotate(pool, &provider, &login)?.detach(),
            #[cfg(all(unix, feature = "per-connection"))]
            Source::Proxy(proxy) => per_connection::attach(proxy, pool),
        }
        Ok(())
    }

    /// Whether another connection can be opened to find the cause of a failure. The proxy knows it without.
    pub(crate) fn can_diagnose(&self) -> bool {
        matches!(self.source, Source::Rotation { .. })
    }

    /// Why the pool could not open its first connection.
    pub(crate) async fn failure(&self, error: &Arc<sqlx::Error>, attempt: &Attempt) -> Failure {
        #[cfg(all(unix, feature = "per-connection"))]
        if let Source::Proxy(proxy) = &self.source
            && let Some(cause) = per_connection::cause(proxy, error).await
        {
            return cause.into();
        }
        diagnose(error, &self.options, attempt).await
    }
}
