//! The Azure CLI: the person who ran `az login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions};

use super::{developer_tool::DeveloperTool, kind::Kind};
use crate::{Error, environment::Environment};

pub(super) struct AzureCli(DeveloperTool);

impl AzureCli {
    pub(super) const PROGRAM: &str = "az";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        DeveloperTool::from_environment(environment, Self::PROGRAM).map(Self)
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
            executor: Some(self.0.executor()),
            tenant_id: self.0.tenant_id.clone(),
            ..AzureCliCredentialOptions::default()
        }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run az login"
    }

    fn cure(&self, message: &str) -> Option<String> {
        self.0.cure(message)
    }

    fn progress(&self) -> Option<String> {
        self.0.progress()
    }

    fn timeout_hint(&self) -> &'static str {
        DeveloperTool::TIMEOUT_HINT
    }
}
