//! A connector with changes to the driver's configuration.

use std::fmt;

use entra_pg_core::{Entra, Error, IntoTarget, LoginProvider};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connector::{Configure, Connector};

/// Makes a [`Connector`] with changes to the driver's configuration. [`Connector::builder`] creates one.
#[must_use = "a builder does nothing until it is built"]
pub struct ConnectorBuilder {
    provider: Result<LoginProvider, Error>,
    configure: Option<Box<Configure>>,
}

impl Connector {
    /// Creates a builder, to change the driver's configuration.
    pub fn builder(target: impl IntoTarget, entra: &Entra) -> ConnectorBuilder {
        ConnectorBuilder {
            provider: entra.login_provider(target),
            configure: None,
        }
    }
}

impl ConnectorBuilder {
    /// Changes each connection's configuration: keepalives, further startup settings. User, password and TLS mode are set
    /// afterwards; the closure must not change the host.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use entra_pg_tokio_postgres::{Connector, Entra, Error};
    ///
    /// # fn connector(entra: &Entra) -> Result<Connector, Error> {
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// Connector::builder(url, entra)
    ///     .configure(|mut config| {
    ///         config.keepalives_idle(Duration::from_secs(60));
    ///         config
    ///     })
    ///     .build()
    /// # }
    /// ```
    pub fn configure(
        mut self,
        configure: impl Fn(Config) -> Config + Send + Sync + 'static,
    ) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Creates the connector.
    ///
    /// # Errors
    /// What is wrong with the target. Nothing is requested or connected yet.
    pub fn build(self) -> Result<Connector, Error> {
        let provider = self.provider?;
        let roots = provider.target().root_certificates().to_der()?;
        let tls = MakeRustlsConnect::new((*entra_pg_rustls::client_config(roots)).clone());
        Ok(Connector::assemble(provider, self.configure, tls))
    }
}

impl fmt::Debug for ConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectorBuilder")
            .field(&self.provider)
            .finish()
    }
}
