//! The Azure CLI: the person who ran `az login`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions};

use super::{
    cures::{self, Place},
    kind::Kind,
    subprocess::Subprocess,
    tool_output::Tool,
    variables::identifier,
};
use crate::{Error, environment::Environment};

pub(super) struct AzureCli {
    tool: Tool,
    place: Place,
    /// A person is often a guest of other tenants, whose tokens the server refuses.
    tenant_id: Option<String>,
}

impl AzureCli {
    pub(super) const PROGRAM: &str = "az";

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

impl fmt::Display for AzureCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Azure CLI")
    }
}

impl Kind for AzureCli {
    fn build(&self, _: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let credential = AzureCliCredential::new(Some(AzureCliCredentialOptions {
            executor: Some(Arc::new(self.tool.clone())),
            tenant_id: self.tenant_id.clone(),
            ..AzureCliCredentialOptions::default()
        }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "run az login"
    }

    fn cure(&self, message: &str) -> Option<String> {
        cures::find(message, self.place, Self::PROGRAM)
    }

    fn timeout_hint(&self) -> &'static str {
        "the tool is slow: set connect_timeout in the URL to more seconds than it needs"
    }
}
