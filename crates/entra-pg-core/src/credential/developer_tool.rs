//! What `az` and `azd` have in common: a program at which a person or a pipeline has logged in.

use std::sync::Arc;

use azure_identity::Executor;

use super::{
    cures::{self, Place},
    subprocess::Subprocess,
    tool_output::Tool,
    variables::identifier,
};
use crate::{Error, environment::Environment};

pub(super) struct DeveloperTool {
    tool: Tool,
    place: Place,
    /// A person is often a guest of other tenants, whose tokens the server refuses.
    pub(super) tenant_id: Option<String>,
}

impl DeveloperTool {
    pub(super) const TIMEOUT_HINT: &str = "run it by hand and see what it waits for: az account get-access-token, or azd auth token; \
        if it is only slow, set connect_timeout in the URL to more seconds than it needs (and RefreshPolicy::fetch_timeout, if 75 s \
        are too few)";

    pub(super) fn from_environment(
        environment: &Environment,
        program: &'static str,
    ) -> Result<Self, Error> {
        Ok(Self {
            tool: Tool {
                subprocess: Subprocess::in_environment(environment),
                program,
                running: Arc::default(),
            },
            place: Place::of_tool(environment),
            tenant_id: identifier(environment, "AZURE_TENANT_ID")?.map(str::to_owned),
        })
    }

    pub(super) fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(self.tool.clone())
    }

    pub(super) fn progress(&self) -> Option<String> {
        self.tool.progress()
    }

    pub(super) fn cure(&self, message: &str) -> Option<String> {
        cures::find(message, self.place, self.tool.program)
    }
}
