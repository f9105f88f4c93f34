//! Which credential the environment asks for. Decided from names and values alone: nothing is probed over the network,
//! so the same environment gives the same credential every time.

use std::{fmt, path::PathBuf};

use crate::{Error, ErrorKind};

/// Which managed identity of this machine or app to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagedIdentity {
    /// The one that belongs to the resource itself.
    #[default]
    SystemAssigned,
    /// The user-assigned identity with this client (application) id.
    ClientId(String),
    /// The user-assigned identity with this object (principal) id.
    ObjectId(String),
    /// The user-assigned identity with this Azure resource id. The Azure SDK cannot use these on App Service.
    ResourceId(String),
}

/// A credential, decided upon but not yet built. Holds no secret: those are read from the environment when it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    WorkloadIdentity {
        tenant_id: String,
        client_id: String,
        token_file: PathBuf,
    },
    ClientSecret {
        tenant_id: String,
        client_id: String,
    },
    ManagedIdentity(ManagedIdentity),
    AzureCli,
    AzureDeveloperCli,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkloadIdentity { client_id, .. } => {
                write!(f, "workload identity (client id {client_id})")
            }
            Self::ClientSecret { client_id, .. } => {
                write!(f, "client secret (client id {client_id})")
            }
            Self::ManagedIdentity(ManagedIdentity::SystemAssigned) => {
                f.write_str("managed identity (system-assigned)")
            }
            Self::ManagedIdentity(ManagedIdentity::ClientId(id)) => {
                write!(f, "managed identity (client id {id})")
            }
            Self::ManagedIdentity(ManagedIdentity::ObjectId(id)) => {
                write!(f, "managed identity (object id {id})")
            }
            Self::ManagedIdentity(ManagedIdentity::ResourceId(id)) => {
                write!(f, "managed identity ({id})")
            }
            Self::AzureCli => f.write_str("Azure CLI"),
            Self::AzureDeveloperCli => f.write_str("Azure Developer CLI"),
        }
    }
}

/// What the decision is made from.
pub(crate) trait Surroundings {
    /// An environment variable; empty ones count as unset.
    fn variable(&self, name: &str) -> Option<String>;
    /// Whether a program of that name is on the PATH.
    fn has_program(&self, name: &str) -> bool;
}

/// The names that `AZURE_TOKEN_CREDENTIALS` takes in the other Azure SDKs, as far as they make sense here.
/// <https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains>
const KNOWN_NAMES: &str = "ManagedIdentityCredential, WorkloadIdentityCredential, EnvironmentCredential, \
    AzureCliCredential, AzureDeveloperCliCredential, prod, dev";

/// Picks the credential, and says why.
pub(crate) fn select(from: &impl Surroundings) -> Result<(Selection, String), Error> {
    match from.variable("AZURE_TOKEN_CREDENTIALS") {
        Some(name) => select_by_name(from, &name)
            .map(|selection| (selection, format!("AZURE_TOKEN_CREDENTIALS is {name}"))),
        None => by_environment(from),
    }
}

/// Picks the credential of this name, as `AZURE_TOKEN_CREDENTIALS` gives it.
pub(crate) fn select_by_name(from: &impl Surroundings, name: &str) -> Result<Selection, Error> {
    match name.to_ascii_lowercase().as_str() {
        "managedidentitycredential" => Ok(managed_identity(from)),
        "workloadidentitycredential" => workload_identity(from),
        "environmentcredential" => client_secret(from),
        "azureclicredential" => Ok(Selection::AzureCli),
        "azuredeveloperclicredential" => Ok(Selection::AzureDeveloperCli),
        // The other SDKs' chain begins with the client secret here.
        "prod" if from.variable("AZURE_CLIENT_SECRET").is_some() => client_secret(from),
        "prod" => Ok(deployed(from)?.map_or_else(|| managed_identity(from), |(found, _)| found)),
        "dev" => developer_tool(from).map(|(found, _)| found).ok_or_else(|| {
            none("AZURE_TOKEN_CREDENTIALS is dev, but neither az nor azd is on the PATH")
                .with_hint("install the Azure CLI and run az login")
        }),
        _ => Err(none(&format!(
            "AZURE_TOKEN_CREDENTIALS is {name}, which is not known here"
        ))
        .with_hint(format!("use one of: {KNOWN_NAMES}"))),
    }
}

fn by_environment(from: &impl Surroundings) -> Result<(Selection, String), Error> {
    if let Some(found) = deployed(from)? {
        return Ok(found);
    }
    developer_tool(from).ok_or_else(|| {
        none("the environment names no credential").with_hint(
            "on Azure, assign a managed identity, and on a virtual machine set AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential; \
             on a laptop, install the Azure CLI and run az login",
        )
    })
}

/// What a hosting environment, or whoever deployed there, has set.
fn deployed(from: &impl Surroundings) -> Result<Option<(Selection, String)>, Error> {
    let set = |name| from.variable(name).is_some();
    let because = |name: &str| format!("{name} is set");
    Ok(if set("AZURE_FEDERATED_TOKEN_FILE") {
        Some((
            workload_identity(from)?,
            because("AZURE_FEDERATED_TOKEN_FILE"),
        ))
    } else if set("AZURE_CLIENT_SECRET") {
        Some((client_secret(from)?, because("AZURE_CLIENT_SECRET")))
    } else if set("IDENTITY_ENDPOINT") {
        refuse_unsupported_host(from)?;
        Some((managed_identity(from), because("IDENTITY_ENDPOINT")))
    } else {
        None
    })
}

fn refuse_unsupported_host(from: &impl Surroundings) -> Result<(), Error> {
    let set = |name| from.variable(name).is_some();
    let host = if set("IDENTITY_SERVER_THUMBPRINT") {
        "Service Fabric"
    } else if set("IDENTITY_HEADER") {
        return Ok(());
    } else if set("IMDS_ENDPOINT") {
        "Azure Arc"
    } else {
        return Err(none("IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not")
            .with_hint("App Service and Container Apps set both; pass both on to this process"));
    };
    Err(
        none(&format!("managed identity on {host} is not supported"))
            .with_hint("set AZURE_TOKEN_CREDENTIALS to another credential"),
    )
}

fn developer_tool(from: &impl Surroundings) -> Option<(Selection, String)> {
    [
        ("az", Selection::AzureCli),
        ("azd", Selection::AzureDeveloperCli),
    ]
    .into_iter()
    .find(|(program, _)| from.has_program(program))
    .map(|(program, selection)| {
        (
            selection,
            format!("nothing else is configured, and {program} is on the PATH"),
        )
    })
}

fn managed_identity(from: &impl Surroundings) -> Selection {
    Selection::ManagedIdentity(
        from.variable("AZURE_CLIENT_ID")
            .map_or(ManagedIdentity::SystemAssigned, ManagedIdentity::ClientId),
    )
}

fn workload_identity(from: &impl Surroundings) -> Result<Selection, Error> {
    let [tenant_id, client_id, token_file] = all(
        from,
        "workload identity",
        [
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_FEDERATED_TOKEN_FILE",
        ],
    )?;
    Ok(Selection::WorkloadIdentity {
        tenant_id,
        client_id,
        token_file: token_file.into(),
    })
}

fn client_secret(from: &impl Surroundings) -> Result<Selection, Error> {
    let [tenant_id, client_id, _secret] = all(
        from,
        "a client secret",
        ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"],
    )?;
    Ok(Selection::ClientSecret {
        tenant_id,
        client_id,
    })
}

/// A half-configured credential is an error, not a reason to try the next: it would log in as someone else.
fn all<const N: usize>(
    from: &impl Surroundings,
    credential: &str,
    names: [&str; N],
) -> Result<[String; N], Error> {
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| from.variable(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(names.map(|name| from.variable(name).unwrap_or_default()));
    }
    Err(none(&format!(
        "{credential} needs {}, which is not set",
        missing.join(" and ")
    ))
    .with_hint(format!("set {}", names.join(", "))))
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
