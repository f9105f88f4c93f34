//! Where tokens come from: one file for each kind of credential, and what they share.

mod azure_cli;
mod azure_developer_cli;
mod azure_pipelines;
mod certificate_file;
mod client_certificate;
mod client_secret;
#[expect(
    clippy::module_inception,
    reason = "the folder is named after its main type"
)]
mod credential;
mod cures;
mod developer_tool;
mod endpoint;
mod expiry;
mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod github_actions;
mod kind;
mod managed_identity;
mod oidc;
mod proof_file;
mod provided;
mod selection;
mod subprocess;
mod token_response;
mod tool_output;
mod transport;
mod unsupported;
mod variables;
mod workload_identity;
mod x509;

pub use self::managed_identity::ManagedIdentity;
pub(crate) use self::{
    credential::Credential,
    kind::Limits,
    managed_identity::ManagedIdentityKind,
    selection::{select, select_by_name},
};
