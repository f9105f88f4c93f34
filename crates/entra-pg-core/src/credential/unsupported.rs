//! Credentials of the Azure SDKs that cannot be used here. Their variables are refused by name, with the way round: to try the
//! next credential would log in as someone else.

use super::variables::value;
use crate::{Error, ErrorKind, environment::Environment};

/// A credential that is named by any of its variables.
pub(super) struct Unsupported {
    what: &'static str,
    variables: &'static [&'static str],
    way_round: &'static str,
}

pub(super) const PASSWORD: Unsupported = Unsupported {
    what: "login with a person's password",
    variables: &["AZURE_USERNAME", "AZURE_PASSWORD"],
    way_round: "unset AZURE_USERNAME and AZURE_PASSWORD; use az login and AZURE_TOKEN_CREDENTIALS=AzureCliCredential, or an \
        application's secret or certificate",
};

pub(super) const CERTIFICATE_PASSWORD: Unsupported = Unsupported {
    what: "a client certificate with a password",
    variables: &["AZURE_CLIENT_CERTIFICATE_PASSWORD"],
    way_round: "unset it, and write a file without one: openssl pkcs12 -in FILE.pfx -nodes -out CERTIFICATE.pem",
};

/// <https://learn.microsoft.com/azure/aks/identity-bindings-concepts>
pub(super) const IDENTITY_BINDING: Unsupported = Unsupported {
    what: "an identity binding of AKS",
    variables: &[
        "AZURE_KUBERNETES_TOKEN_PROXY",
        "AZURE_KUBERNETES_SNI_NAME",
        "AZURE_KUBERNETES_CA_FILE",
        "AZURE_KUBERNETES_CA_DATA",
    ],
    way_round: "remove the annotation azure.workload.identity/use-identity-binding from the pod, and give the identity a federated \
        credential for its service account",
};

const SERVICE_FABRIC: Unsupported = Unsupported {
    what: "managed identity on Service Fabric",
    variables: &["IDENTITY_SERVER_THUMBPRINT"],
    way_round: WITHOUT_MANAGED_IDENTITY,
};

const AZURE_ARC: Unsupported = Unsupported {
    what: "managed identity on Azure Arc",
    variables: &["IMDS_ENDPOINT"],
    way_round: WITHOUT_MANAGED_IDENTITY,
};

const AZURE_ML: Unsupported = Unsupported {
    what: "managed identity on Azure ML",
    variables: &["MSI_SECRET"],
    way_round: "run az login --identity and set AZURE_TOKEN_CREDENTIALS=AzureCliCredential, or use an application's certificate",
};

const CLOUD_SHELL: Unsupported = Unsupported {
    what: "managed identity on Cloud Shell",
    variables: &["MSI_ENDPOINT"],
    way_round: "set AZURE_TOKEN_CREDENTIALS=AzureCliCredential: az is logged in there",
};

const WITHOUT_MANAGED_IDENTITY: &str = "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH, or pass a credential \
    of your own to Entra::new";

impl Unsupported {
    pub(super) fn refuse_in(&self, environment: &Environment) -> Result<(), Error> {
        let set = |name: &&&str| value(environment, name).is_some();
        match self.variables.iter().find(set) {
            None => Ok(()),
            Some(variable) => Err(Error::new(
                ErrorKind::NoCredential,
                format!("{} is not supported, but {variable} is set", self.what),
            )
            .with_hint(self.way_round)),
        }
    }
}

/// Which host a managed identity belongs to is told apart as the Azure SDKs do. App Service sets the variables of its older
/// endpoint, too.
pub(super) fn refuse_managed_identity_host(environment: &Environment) -> Result<(), Error> {
    let set = |name| value(environment, name).is_some();
    SERVICE_FABRIC.refuse_in(environment)?;
    if set("IDENTITY_HEADER") {
        return Ok(());
    }
    AZURE_ARC.refuse_in(environment)?;
    if set("IDENTITY_ENDPOINT") {
        return Ok(());
    }
    AZURE_ML.refuse_in(environment)?;
    CLOUD_SHELL.refuse_in(environment)
}
