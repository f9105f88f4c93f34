//! The Azure Developer CLI: the person who ran `azd auth login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions};

use super::{kind::Kind, subprocess::Subprocess, variables::identifier};
use crate::{Error, environment::Environment};

pub(super) struct AzureDeveloperCli {
    subprocess: Subprocess,
    /// A person is often a guest of other tenants, whose tokens the server refuses.
    tenant_id: Option<String>,
}

impl AzureDeveloperCli {
    pub(super) const PROGRAM: &str = "azd";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            subprocess: Subprocess::in_environment(environment),
            tenant_id: identifier(environment, "AZURE_TENANT_ID")?.map(str::to_owned),
        })
    }
}

impl fmt::Display for AzureDeveloperCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Azure Developer CLI")
    }
}

impl Kind for AzureDeveloperCli {
    fn build(&self, _: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let credential =
            AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                executor: Some(Arc::new(self.subprocess.clone())),
                tenant_id: self.tenant_id.clone(),
                ..AzureDeveloperCliCredentialOptions::default()
            }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run azd auth login"
    }
}
