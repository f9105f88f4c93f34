//! Which credential the environment names. Decided from names and values alone: nothing is probed over the network, so the
//! same environment gives the same credential every time.

use super::{
    azure_cli::AzureCli,
    azure_developer_cli::AzureDeveloperCli,
    azure_pipelines::AzurePipelines,
    client_certificate::ClientCertificate,
    client_secret::ClientSecret,
    endpoint::Endpoint,
    github_actions::GitHubActions,
    kind::Kind,
    managed_identity::ManagedIdentityKind,
    unsupported::PASSWORD,
    variables::{CLIENT_IDS, refuse_unreadable, value},
    workload_identity::WorkloadIdentity,
};
use crate::{Error, ErrorKind, environment::Environment};

type Selected = Result<Box<dyn Kind>, Error>;

/// The names that `AZURE_TOKEN_CREDENTIALS` takes in the other Azure SDKs, as far as they make sense here.
/// <https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains>
const KNOWN_NAMES: &str = "ManagedIdentityCredential, WorkloadIdentityCredential, EnvironmentCredential, \
    AzurePipelinesCredential, GitHubActionsCredential, AzureCliCredential, AzureDeveloperCliCredential, prod, dev";

/// Selects the credential, and returns the reason for the choice.
pub(crate) fn select(from: &Environment) -> Result<(Box<dyn Kind>, String), Error> {
    refuse_unreadable(from)?;
    match value(from, "AZURE_TOKEN_CREDENTIALS") {
        Some(name) => {
            let reason = format!("AZURE_TOKEN_CREDENTIALS is {name}");
            Ok((select_by_name(from, name, &reason)?, reason))
        }
        None => by_environment(from),
    }
}

/// Selects the credential of this name, as `AZURE_TOKEN_CREDENTIALS` gives it. The reason says where the name is from.
pub(crate) fn select_by_name(from: &Environment, name: &str, reason: &str) -> Selected {
    refuse_unreadable(from)?;
    match name.to_ascii_lowercase().as_str() {
        "managedidentitycredential" => managed_identity(from),
        "workloadidentitycredential" => workload_identity(from),
        "environmentcredential" => environment_credential(from),
        "azurepipelinescredential" => azure_pipelines(from),
        "githubactionscredential" => github_actions(from),
        "azureclicredential" => azure_cli(from),
        "azuredeveloperclicredential" => azure_developer_cli(from),
        // The other SDKs' chain begins with these here.
        "prod" if has_application(from) => environment_credential(from),
        "prod" => match deployed(from)? {
            Some((_, select)) => select(from),
            None => managed_identity(from),
        },
        "dev" => match developer_tool(from) {
            Some((_, select)) => select(from),
            None => Err(
                none(&format!("{reason}, but neither az nor azd is on the PATH"))
                    .with_hint("install the Azure CLI and run az login"),
            ),
        },
        _ => Err(none(&format!("{reason}, which is not known here"))
            .with_hint(format!("use one of: {KNOWN_NAMES}"))),
    }
}

fn by_environment(from: &Environment) -> Result<(Box<dyn Kind>, String), Error> {
    if let Some((variable, select)) = deployed(from)? {
        return Ok((select(from)?, format!("{variable} is set")));
    }
    if let Some(variable) = CLIENT_IDS.into_iter().find(|name| set(from, &[name])) {
        return Err(none(&format!(
            "{variable} is set, but nothing says how to log in as it"
        ))
        .with_hint(hint_for_client_id(from)));
    }
    if let Some((program, select)) = developer_tool(from) {
        let reason = format!("nothing else is configured, and {program} is on the PATH");
        return Ok((select(from)?, reason));
    }
    Err(none("the environment names no credential").with_hint(
        "on Azure, assign a managed identity, and on a virtual machine set AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential; \
         on a laptop, install the Azure CLI and run az login",
    ))
}

/// The person who ran `az login` is another identity than the application that was named.
fn hint_for_client_id(from: &Environment) -> &'static str {
    match () {
        () if set(from, &["GITHUB_ACTIONS"]) => {
            "give the job the permission id-token: write and set AZURE_TENANT_ID, or set AZURE_TOKEN_CREDENTIALS=AzureCliCredential"
        }
        () => {
            "on a virtual machine set AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential; for an application set its secret or \
             certificate too; to log in as yourself set AZURE_TOKEN_CREDENTIALS=AzureCliCredential, or unset it"
        }
    }
}

/// What makes a kind of credential from an environment, and the variable or program that calls for it.
type Candidate = (&'static str, fn(&Environment) -> Selected);

/// What a hosting environment, or the person who deployed there, has set. In this order. A variable that only belongs to a
/// credential counts as well: the rest of it is missing, or it cannot be used, and then the next one is not tried.
fn deployed(from: &Environment) -> Result<Option<Candidate>, Error> {
    if !has_application(from) {
        PASSWORD.refuse_in(from)?;
    }
    let candidates: [Candidate; 16] = [
        (WorkloadIdentity::VARIABLE, workload_identity),
        (ClientSecret::VARIABLE, environment_credential),
        (ClientCertificate::VARIABLE, environment_credential),
        ("AZURE_CLIENT_CERTIFICATE_PASSWORD", environment_credential),
        ("AZURE_KUBERNETES_TOKEN_PROXY", workload_identity),
        (ClientSecret::SERVICE_CONNECTOR, service_connector),
        (AzurePipelines::VARIABLE, azure_pipelines),
        ("AZURESUBSCRIPTION_CLIENT_ID", azure_pipelines),
        (GitHubActions::VARIABLE, github_actions),
        (Endpoint::VARIABLE, managed_identity),
        (Endpoint::HEADER, managed_identity),
        (Endpoint::METADATA, managed_identity),
        ("IDENTITY_SERVER_THUMBPRINT", managed_identity),
        ("IMDS_ENDPOINT", managed_identity),
        ("MSI_ENDPOINT", managed_identity),
        ("MSI_SECRET", managed_identity),
    ];
    // A job may have GitHub's variables for another purpose, and a runner an identity of its own.
    let named = set(from, &["AZURE_CLIENT_ID"]) && set(from, &["AZURE_TENANT_ID"]);
    let called_for = |(variable, _): &Candidate| {
        set(from, &[variable]) && (named || *variable != GitHubActions::VARIABLE)
    };
    Ok(candidates.into_iter().find(called_for))
}

/// An application's secret or certificate. In the other SDKs these win over a person's password.
fn has_application(from: &Environment) -> bool {
    set(from, &[ClientSecret::VARIABLE, ClientCertificate::VARIABLE])
}

fn developer_tool(from: &Environment) -> Option<Candidate> {
    let candidates: [Candidate; 2] = [
        (AzureCli::PROGRAM, azure_cli),
        (AzureDeveloperCli::PROGRAM, azure_developer_cli),
    ];
    let found = |(program, _): &Candidate| from.has_program(program);
    candidates.into_iter().find(found)
}

fn set(from: &Environment, variables: &[&str]) -> bool {
    let mut variables = variables.iter();
    variables.any(|variable| value(from, variable).is_some())
}

fn managed_identity(from: &Environment) -> Selected {
    Ok(Box::new(ManagedIdentityKind::from_environment(from)?))
}

fn workload_identity(from: &Environment) -> Selected {
    Ok(Box::new(WorkloadIdentity::from_environment(from)?))
}

/// An application's secret or certificate, in the order of the other SDKs.
fn environment_credential(from: &Environment) -> Selected {
    if !has_application(from) {
        PASSWORD.refuse_in(from)?;
    }
    let certificate = [
        ClientCertificate::VARIABLE,
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    ];
    if set(from, &certificate) && !set(from, &[ClientSecret::VARIABLE]) {
        return Ok(Box::new(ClientCertificate::from_environment(from)?));
    }
    Ok(Box::new(ClientSecret::from_environment(from)?))
}

fn service_connector(from: &Environment) -> Selected {
    Ok(Box::new(ClientSecret::of_service_connector(from)?))
}

fn azure_pipelines(from: &Environment) -> Selected {
    Ok(Box::new(AzurePipelines::from_environment(from)?))
}

fn github_actions(from: &Environment) -> Selected {
    Ok(Box::new(GitHubActions::from_environment(from)?))
}

fn azure_cli(from: &Environment) -> Selected {
    Ok(Box::new(AzureCli::from_environment(from)?))
}

fn azure_developer_cli(from: &Environment) -> Selected {
    Ok(Box::new(AzureDeveloperCli::from_environment(from)?))
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
