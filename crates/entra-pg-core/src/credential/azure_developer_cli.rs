//! The Azure Developer CLI: the person who ran `azd auth login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions};

use super::{
    cures::{self, Place},
    kind::Kind,
    subprocess::Subprocess,
    tool_output::Tool,
    variables::identifier,
};
use crate::{Error, environment::Environment};

pub(super) struct AzureDeveloperCli {
    tool: Tool,
    place: Place,
    /// A person is often a guest of other tenants, whose tokens the server refuses.
    tenant_id: Option<String>,
}

impl AzureDeveloperCli {
    pub(super) const PROGRAM: &str = "azd";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            tool: Tool {
                subprocess: Subprocess::in_environment(environment),
                program: Self::PROGRAM,
            },
            place: Place::of_tool(environment),
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
                executor: Some(Arc::new(self.tool.clone())),
                tenant_id: self.tenant_id.clone(),
            }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run azd auth login"
    }

    fn cure(&self, message: &str) -> Option<String> {
        cures::find(message, self.place, Self::PROGRAM)
    }

    fn timeout_hint(&self) -> &'static str {
        "the tool is slow: set connect_timeout in the URL to more seconds than it needs"
    }
}
