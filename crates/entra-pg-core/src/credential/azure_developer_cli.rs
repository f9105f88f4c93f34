//! The Azure Developer CLI: the person who ran `azd auth login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions};

use super::{kind::Kind, subprocess::Subprocess};
use crate::environment::Environment;

pub(super) struct AzureDeveloperCli(Subprocess);

impl AzureDeveloperCli {
    pub(super) const PROGRAM: &str = "azd";

    pub(super) fn from_environment(environment: &Environment) -> Self {
        Self(Subprocess::in_environment(environment))
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
                executor: Some(Arc::new(self.0.clone())),
                ..AzureDeveloperCliCredentialOptions::default()
            }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run azd auth login"
    }
}
