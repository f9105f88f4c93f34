//! A job of GitHub Actions with the permission `id-token: write`: `ACTIONS_ID_TOKEN_REQUEST_URL` and `_TOKEN`, and the
//! application that trusts it in `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`.

use std::{fmt, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Method, Url},
};

use super::{
    kind::Kind,
    oidc::{OidcProvider, audience},
    transport::Transport,
    variables::{https, require},
};
use crate::{Error, environment::Environment};

pub(super) struct GitHubActions {
    tenant_id: String,
    client_id: String,
    url: Url,
    secret: Secret,
}

impl GitHubActions {
    pub(super) const VARIABLE: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let [tenant_id, client_id, url, secret] = require(
            environment,
            "GitHub Actions",
            [
                "AZURE_TENANT_ID",
                "AZURE_CLIENT_ID",
                Self::VARIABLE,
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            ],
        )?;
        Ok(Self {
            tenant_id,
            client_id,
            url: https(Self::VARIABLE, &url)?,
            secret: secret.into(),
        })
    }
}

impl fmt::Display for GitHubActions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHub Actions (client id {})", self.client_id)
    }
}

impl Kind for GitHubActions {
    fn transport(&self, environment: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_entra(environment).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("audience", audience(&options));
        let provider = OidcProvider {
            name: "GitHub Actions",
            url,
            method: Method::Get,
            secret: self.secret.clone(),
            field: "value",
        };
        provider.credential(&self.tenant_id, &self.client_id, options)
    }

    fn hint(&self) -> &'static str {
        "check AZURE_TENANT_ID and AZURE_CLIENT_ID, and that the application has a federated credential for this repository and \
         branch, tag or environment"
    }
}
