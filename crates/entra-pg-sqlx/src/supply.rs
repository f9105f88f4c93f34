//! What a pool connects with, and what supplies its connections with tokens: rotation, or the proxy.

use std::fmt;

use entra_pg_core::{Database, Error, Login, observe::Connect};
#[cfg(feature = "per-connection")]
use entra_pg_proxy::Proxy;
use sqlx::{PgPool, postgres::PgConnectOptions};

use crate::{Strategy, explain_connect, options::seal, rotate};

/// Connect options for a pool, and what has to go with the pool. For adapters that build on this crate.
pub struct Supply {
    options: PgConnectOptions,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Rotation {
        database: Database,
        login: Login,
    },
    #[cfg(feature = "per-connection")]
    Proxy(Proxy),
}

/// Without the options: sqlx's own `Debug` of them prints the password.
impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supply")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Supply {
    /// Fetches a token, and prepares the strategy. `options` are those of [`base`](crate::base), as the user has changed them.
    ///
    /// # Errors
    /// The token endpoint's own error; as [`seal`]; and, for a proxy, that there is no place for its socket.
    pub async fn new(
        strategy: Strategy<'_>,
        database: Database,
        options: PgConnectOptions,
    ) -> Result<Self, Error> {
        // Also where the proxy will fetch its own: a wrong credential fails here, before anything is built.
        let login = database.login().await?;
        match strategy {
            Strategy::Rotate(_) => Ok(Self {
                options: seal(options, &database, &login)?,
                source: Source::Rotation { database, login },
            }),
            #[cfg(feature = "per-connection")]
            Strategy::PerConnection(_) => {
                let (options, proxy) = crate::per_connection::start(options, database, &login)?;
                let source = Source::Proxy(proxy);
                Ok(Self { options, source })
            }
        }
    }

    /// What the pool is to connect with. Without a token in it, if there is a proxy.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Goes on for as long as the pool is open. Rotation keeps it open until it is closed; a proxy does not.
    ///
    /// # Panics
    /// Outside of a Tokio runtime, where the pool could not have been made.
    pub fn attach(self, pool: &PgPool) {
        match self.source {
            Source::Rotation { database, login } => rotate(pool, &database, &login).detach(),
            #[cfg(feature = "per-connection")]
            Source::Proxy(proxy) => crate::per_connection::attach(proxy, pool),
        }
    }

    /// The error for a pool that could not open its first connection. `connect` is told if the server refused a login, unless
    /// the proxy has done so.
    pub async fn explain(&self, error: &sqlx::Error, connect: &Connect) -> Error {
        #[cfg(feature = "per-connection")]
        if let Source::Proxy(proxy) = &self.source {
            return crate::per_connection::explain(proxy, error, &self.options).await;
        }
        let error = explain_connect(error, &self.options).await;
        connect.refused(&error);
        error
    }
}
