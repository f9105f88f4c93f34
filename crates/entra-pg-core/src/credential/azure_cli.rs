//! The Azure CLI: the person who ran `az login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions};

use super::{kind::Kind, subprocess::Subprocess};
use crate::environment::Environment;

pub(super) struct AzureCli(Subprocess);

impl AzureCli {
    pub(super) const PROGRAM: &str = "az";

    pub(super) fn from_environment(environment: &Environment) -> Self {
        Self(Subprocess::in_environment(environment))
    }
}

impl fmt::Display for AzureCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Azure CLI")
    }
}

impl Kind for AzureCli {
    fn build(&self, _: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let credential = AzureCliCredential::new(Some(AzureCliCredentialOptions {
            executor: Some(Arc::new(self.0.clone())),
            ..AzureCliCredentialOptions::default()
        }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run az login"
    }
}
