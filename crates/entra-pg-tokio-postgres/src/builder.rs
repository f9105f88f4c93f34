//! A connector with changes to the driver's configuration.

use std::{fmt, time::Duration};

use entra_pg_core::{Entra, Error, IntoTarget, LoginProvider};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    connector::{Configure, Connector},
    liveness::{DEFAULT_TIMEOUT, Liveness},
};

/// Makes a [`Connector`] with changes to the driver's configuration. [`Connector::builder`] creates one.
#[must_use = "a builder does nothing until it is built"]
pub struct ConnectorBuilder {
    provider: Result<LoginProvider, Error>,
    configure: Option<Box<Configure>>,
    liveness_timeout: Duration,
}

impl Connector {
    /// Creates a builder, to change the driver's configuration. To read a URL may block as
    /// [`Target::parse`](entra_pg_core::Target::parse) does.
    pub fn builder(target: impl IntoTarget, entra: &Entra) -> ConnectorBuilder {
        ConnectorBuilder {
            provider: entra.login_provider(target),
            configure: None,
            liveness_timeout: DEFAULT_TIMEOUT,
        }
    }
}

impl ConnectorBuilder {
    /// Changes each connection's configuration, for example its application name. It begins with what the URL says. User,
    /// password, TLS mode and channel binding are set afterwards; the closure must not change the host. It runs for each address
    /// that is tried.
    ///
    /// [`Config::options`] replaces the URL's `options`: write further session settings into the URL. [`Config::host`] and
    /// [`Config::port`] add to the URL's.
    ///
    /// ```
    /// use entra_pg_tokio_postgres::{Connector, Entra, Error};
    ///
    /// # fn connector(entra: &Entra) -> Result<Connector, Error> {
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// Connector::builder(url, entra)
    ///     .configure(|config| {
    ///         config.application_name(format!("orders-{}", std::process::id()));
    ///     })
    ///     .build()
    /// # }
    /// ```
    pub fn configure(mut self, configure: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Limits the check of a connection that is taken out of a bb8 or deadpool pool: 5 s by default. A connection that does not
    /// respond in time is replaced. Once one was silent, the next ones have a tenth of this, until one responds. Zero replaces each.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use entra_pg_tokio_postgres::{Connector, Entra, Error};
    ///
    /// # fn connector(entra: &Entra) -> Result<Connector, Error> {
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// Connector::builder(url, entra).liveness_timeout(Duration::from_secs(2)).build()
    /// # }
    /// ```
    pub fn liveness_timeout(mut self, timeout: Duration) -> Self {
        self.liveness_timeout = timeout;
        self
    }

    /// Creates the connector. Blocks while it reads the platform's root certificates, unless the target has its own: for
    /// milliseconds, or for 5 s at most where a mount is dead.
    ///
    /// # Errors
    /// What is wrong with the target. Nothing is requested or connected yet.
    pub fn build(self) -> Result<Connector, Error> {
        let provider = self.provider?;
        let roots = provider.target().root_certificates().to_der()?;
        let mut tls = entra_pg_rustls::client_config(roots);
        if provider.target().uses_direct_tls() {
            tls = entra_pg_rustls::with_alpn(&tls);
        }
        let tls = MakeRustlsConnect::new((*tls).clone());
        let liveness = Liveness::new(self.liveness_timeout);
        Ok(Connector::assemble(provider, self.configure, tls, liveness))
    }
}

impl fmt::Debug for ConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectorBuilder")
            .field(&self.provider)
            .finish()
    }
}
