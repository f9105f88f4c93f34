//! Workload identity, as on AKS: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the token in `AZURE_FEDERATED_TOKEN_FILE`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{
    ClientAssertionCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::{kind::Kind, transport::Transport, variables::require};
use crate::{Error, environment::Environment};

pub(super) struct WorkloadIdentity {
    tenant_id: String,
    client_id: String,
    token_file: String,
}

impl WorkloadIdentity {
    pub(super) const VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let [tenant_id, client_id, token_file] = require(
            environment,
            "workload identity",
            ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", Self::VARIABLE],
        )?;
        Ok(Self {
            tenant_id,
            client_id,
            token_file,
        })
    }
}

impl fmt::Display for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workload identity (client id {})", self.client_id)
    }
}

impl Kind for WorkloadIdentity {
    fn transport(&self, environment: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_entra(environment).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let credential =
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions {
                    client_options: options,
                },
                tenant_id: Some(self.tenant_id.clone()),
                client_id: Some(self.client_id.clone()),
                token_file_path: Some(self.token_file.clone().into()),
            }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the federated credential of the identity for this service account"
    }
}
