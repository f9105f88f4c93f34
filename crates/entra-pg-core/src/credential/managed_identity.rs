//! A managed identity of App Service, Container Apps or a virtual machine.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use super::{
    endpoint::Endpoint,
    kind::Kind,
    transport::Transport,
    variables::{CLIENT_IDS, identifier},
};
use crate::{Error, ErrorKind, environment::Environment};

/// Which managed identity of this machine or app to use.
///
/// ```
/// # fn main() -> Result<(), entra_pg_core::Error> {
/// use entra_pg_core::{Entra, ManagedIdentity};
///
/// let identity = ManagedIdentity::ClientId("00000000-0000-0000-0000-000000000001".to_owned());
/// let entra = Entra::builder().vars([("", ""); 0]).managed_identity(identity).build()?;
/// assert!(entra.credential_name().starts_with("managed identity"));
/// # Ok(())
/// # }
/// ```
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

pub(crate) struct ManagedIdentityKind {
    identity: ManagedIdentity,
    endpoint: Endpoint,
}

impl ManagedIdentityKind {
    /// The identity that `AZURE_CLIENT_ID` or Service Connector names, or the system-assigned one.
    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let [own, connection] = CLIENT_IDS.map(|name| identifier(environment, name));
        let client_id = own?.or(connection?).map(str::to_owned);
        let identity = client_id.map_or(ManagedIdentity::SystemAssigned, ManagedIdentity::ClientId);
        Self::new(identity, environment)
    }

    pub(crate) fn new(identity: ManagedIdentity, environment: &Environment) -> Result<Self, Error> {
        let endpoint = Endpoint::from_environment(environment)?;
        if endpoint.is_app_service() && matches!(identity, ManagedIdentity::ResourceId(_)) {
            return Err(Error::new(
                ErrorKind::NoCredential,
                "managed identity by resource id on App Service is not supported",
            )
            .with_hint("use its client id or its object id"));
        }
        Ok(Self { identity, endpoint })
    }
}

impl fmt::Display for ManagedIdentityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            ManagedIdentity::SystemAssigned => f.write_str("managed identity (system-assigned)"),
            ManagedIdentity::ClientId(id) => write!(f, "managed identity (client id {id})"),
            ManagedIdentity::ObjectId(id) => write!(f, "managed identity (object id {id})"),
            ManagedIdentity::ResourceId(id) => write!(f, "managed identity ({id})"),
        }
    }
}

impl Kind for ManagedIdentityKind {
    fn transport(&self, _: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_endpoint(self.endpoint.clone()).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let user_assigned_id = match &self.identity {
            ManagedIdentity::SystemAssigned => None,
            ManagedIdentity::ClientId(id) => Some(UserAssignedId::ClientId(id.clone())),
            ManagedIdentity::ObjectId(id) => Some(UserAssignedId::ObjectId(id.clone())),
            ManagedIdentity::ResourceId(id) => Some(UserAssignedId::ResourceId(id.clone())),
        };
        let credential = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id,
            client_options: options,
        }))?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "assign the identity to this resource, and if it is user-assigned set AZURE_CLIENT_ID to its client id"
    }
}
