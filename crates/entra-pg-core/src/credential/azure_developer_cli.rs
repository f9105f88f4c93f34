//! The Azure Developer CLI: the person who ran `azd auth login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions};

use super::{developer_tool::DeveloperTool, kind::Kind};
use crate::{Error, environment::Environment};

pub(super) struct AzureDeveloperCli(DeveloperTool);

impl AzureDeveloperCli {
    pub(super) const PROGRAM: &str = "azd";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        DeveloperTool::from_environment(environment, Self::PROGRAM).map(Self)
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
                executor: Some(self.0.executor()),
                tenant_id: self.0.tenant_id.clone(),
            }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run azd auth login"
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
