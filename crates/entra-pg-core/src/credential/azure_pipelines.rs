//! A job of Azure Pipelines with a service connection: `SYSTEM_OIDCREQUESTURI`, `SYSTEM_ACCESSTOKEN`, and what the tasks that
//! use the connection set, `AZURESUBSCRIPTION_CLIENT_ID`, `_TENANT_ID` and `_SERVICE_CONNECTION_ID`. (The Azure SDK has this
//! credential, but reads the address from the process's own environment.)

use std::{fmt, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Method, Url},
};

use super::{
    kind::Kind,
    oidc::OidcProvider,
    transport::Transport,
    variables::{https, require, value},
};
use crate::{Error, ErrorKind, environment::Environment};

const ACCESS_TOKEN: &str = "SYSTEM_ACCESSTOKEN";
const REQUEST_URI: &str = "SYSTEM_OIDCREQUESTURI";

pub(super) struct AzurePipelines {
    tenant_id: String,
    client_id: String,
    url: Url,
    secret: Secret,
}

impl AzurePipelines {
    pub(super) const VARIABLE: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        // A pipeline that does not know the variable hands on its name.
        let mapped = value(environment, ACCESS_TOKEN).is_some_and(|token| !token.starts_with("$("));
        if !mapped {
            return Err(Error::new(
                ErrorKind::NoCredential,
                "Azure Pipelines needs SYSTEM_ACCESSTOKEN, which is not set",
            )
            .with_hint(
                "in the step write env: SYSTEM_ACCESSTOKEN: $(System.AccessToken); to use the login of the task AzureCLI instead, set \
                 AZURE_TOKEN_CREDENTIALS=AzureCliCredential",
            ));
        }
        let [tenant_id, client_id, connection, url, secret] = require(
            environment,
            "Azure Pipelines",
            [
                "AZURESUBSCRIPTION_TENANT_ID",
                "AZURESUBSCRIPTION_CLIENT_ID",
                Self::VARIABLE,
                REQUEST_URI,
                ACCESS_TOKEN,
            ],
        )?;
        let mut url = https(REQUEST_URI, &url)?;
        url.query_pairs_mut()
            .append_pair("api-version", "7.1")
            .append_pair("serviceConnectionId", &connection);
        Ok(Self {
            tenant_id,
            client_id,
            url,
            secret: secret.into(),
        })
    }
}

impl fmt::Display for AzurePipelines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure Pipelines (client id {})", self.client_id)
    }
}

impl Kind for AzurePipelines {
    fn transport(&self, environment: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_entra(environment).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let provider = OidcProvider {
            name: "Azure Pipelines",
            url: self.url.clone(),
            method: Method::Post,
            secret: self.secret.clone(),
            field: "oidcToken",
        };
        provider.credential(&self.tenant_id, &self.client_id, options)
    }

    fn hint(&self) -> &'static str {
        "check that the step has env: SYSTEM_ACCESSTOKEN: $(System.AccessToken), and that its service connection uses workload identity \
         federation"
    }
}
