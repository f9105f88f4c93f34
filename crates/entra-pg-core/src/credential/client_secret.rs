//! An application's secret: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`.

use std::{fmt, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::ClientOptions,
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};

use super::{kind::Kind, transport::Transport, variables::require};
use crate::{Error, environment::Environment};

pub(super) struct ClientSecret {
    tenant_id: String,
    client_id: String,
    secret: Secret,
}

impl ClientSecret {
    pub(super) const VARIABLE: &str = "AZURE_CLIENT_SECRET";
    pub(super) const SERVICE_CONNECTOR: &str = "AZURE_POSTGRESQL_CLIENTSECRET";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let [tenant_id, client_id, secret] = require(
            environment,
            "a client secret",
            ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", Self::VARIABLE],
        )?;
        Ok(Self {
            tenant_id,
            client_id,
            secret: secret.into(),
        })
    }

    /// As Service Connector sets it for a connection by a service principal.
    pub(super) fn of_service_connector(environment: &Environment) -> Result<Self, Error> {
        let [tenant_id, client_id, secret] = require(
            environment,
            "Service Connector's client secret",
            [
                "AZURE_POSTGRESQL_TENANTID",
                "AZURE_POSTGRESQL_CLIENTID",
                Self::SERVICE_CONNECTOR,
            ],
        )?;
        Ok(Self {
            tenant_id,
            client_id,
            secret: secret.into(),
        })
    }
}

impl fmt::Display for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client secret (client id {})", self.client_id)
    }
}

impl Kind for ClientSecret {
    fn transport(&self, environment: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_entra(environment).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let credential = ClientSecretCredential::new(
            &self.tenant_id,
            self.client_id.clone(),
            self.secret.clone(),
            Some(ClientSecretCredentialOptions {
                client_options: options,
            }),
        )?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    }
}
