//! Which credential the environment names. Decided from names and values alone: nothing is probed over the network, so the
//! same environment gives the same credential every time.

use super::{
    azure_cli::AzureCli, azure_developer_cli::AzureDeveloperCli, client_secret::ClientSecret,
    endpoint::Endpoint, kind::Kind, managed_identity::ManagedIdentityKind,
    workload_identity::WorkloadIdentity,
};
use crate::{Error, ErrorKind, environment::Environment};

type Selected = Result<Box<dyn Kind>, Error>;

/// The names that `AZURE_TOKEN_CREDENTIALS` takes in the other Azure SDKs, as far as they make sense here.
/// <https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains>
const KNOWN_NAMES: &str = "ManagedIdentityCredential, WorkloadIdentityCredential, EnvironmentCredential, \
    AzureCliCredential, AzureDeveloperCliCredential, prod, dev";

/// Selects the credential, and returns the reason for the choice.
pub(crate) fn select(from: &Environment) -> Result<(Box<dyn Kind>, String), Error> {
    match from.get("AZURE_TOKEN_CREDENTIALS") {
        Some(name) => {
            let reason = format!("AZURE_TOKEN_CREDENTIALS is {name}");
            Ok((select_by_name(from, name)?, reason))
        }
        None => by_environment(from),
    }
}

/// Selects the credential of this name, as `AZURE_TOKEN_CREDENTIALS` gives it.
pub(crate) fn select_by_name(from: &Environment, name: &str) -> Selected {
    match name.to_ascii_lowercase().as_str() {
        "managedidentitycredential" => managed_identity(from),
        "workloadidentitycredential" => workload_identity(from),
        "environmentcredential" => client_secret(from),
        "azureclicredential" => Ok(Box::new(AzureCli::from_environment(from))),
        "azuredeveloperclicredential" => Ok(Box::new(AzureDeveloperCli::from_environment(from))),
        // The other SDKs' chain begins with the client secret here.
        "prod" if from.get(ClientSecret::VARIABLE).is_some() => client_secret(from),
        "prod" => match deployed(from) {
            Some((_, select)) => select(from),
            None => managed_identity(from),
        },
        "dev" => match developer_tool(from) {
            Some((_, select)) => select(from),
            None => Err(none(
                "AZURE_TOKEN_CREDENTIALS is dev, but neither az nor azd is on the PATH",
            )
            .with_hint("install the Azure CLI and run az login")),
        },
        _ => Err(none(&format!(
            "AZURE_TOKEN_CREDENTIALS is {name}, which is not known here"
        ))
        .with_hint(format!("use one of: {KNOWN_NAMES}"))),
    }
}

fn by_environment(from: &Environment) -> Result<(Box<dyn Kind>, String), Error> {
    if let Some((variable, select)) = deployed(from) {
        return Ok((select(from)?, format!("{variable} is set")));
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

/// What makes a kind of credential from an environment, and the variable or program that calls for it.
type Candidate = (&'static str, fn(&Environment) -> Selected);

/// What a hosting environment, or the person who deployed there, has set. In this order.
fn deployed(from: &Environment) -> Option<Candidate> {
    let candidates: [Candidate; 3] = [
        (WorkloadIdentity::VARIABLE, workload_identity),
        (ClientSecret::VARIABLE, client_secret),
        (Endpoint::VARIABLE, managed_identity),
    ];
    let set = |(variable, _): &Candidate| from.get(variable).is_some();
    candidates.into_iter().find(set)
}

fn developer_tool(from: &Environment) -> Option<Candidate> {
    let candidates: [Candidate; 2] = [
        (AzureCli::PROGRAM, |from| {
            Ok(Box::new(AzureCli::from_environment(from)))
        }),
        (AzureDeveloperCli::PROGRAM, |from| {
            Ok(Box::new(AzureDeveloperCli::from_environment(from)))
        }),
    ];
    let found = |(program, _): &Candidate| from.has_program(program);
    candidates.into_iter().find(found)
}

fn managed_identity(from: &Environment) -> Selected {
    Ok(Box::new(ManagedIdentityKind::from_environment(from)?))
}

fn workload_identity(from: &Environment) -> Selected {
    Ok(Box::new(WorkloadIdentity::from_environment(from)?))
}

fn client_secret(from: &Environment) -> Selected {
    Ok(Box::new(ClientSecret::from_environment(from)?))
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
