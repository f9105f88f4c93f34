//! Identities: who can request a token and log in.

use std::collections::HashMap;

use uuid::Uuid;

/// The subscription all emulated managed identities live in.
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";

/// What kind of principal an identity is; it decides the claims of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityKind {
    /// A managed identity; its tokens contain its name in `xms_mirid`.
    ManagedIdentity,
    /// An application; its tokens do not contain its name.
    ServicePrincipal,
    /// A person; the tokens have `upn` and `unique_name`.
    User,
}

impl IdentityKind {
    /// As the control API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ManagedIdentity => "managed-identity",
            Self::ServicePrincipal => "service-principal",
            Self::User => "user",
        }
    }
}

/// A principal of the emulated tenant, mapped to the PostgreSQL role of the same name.
///
/// ```
/// use entra_pg_emulator::{Identity, IdentityKind};
/// let alice = Identity::new("alice@contoso.com", IdentityKind::User);
/// assert_eq!(alice.object_id(), Identity::new("alice@contoso.com", IdentityKind::User).object_id());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    name: String,
    kind: IdentityKind,
    object_id: String,
    client_id: String,
}

impl Identity {
    /// Creates an identity whose ids are derived from its name: the same in every run.
    pub fn new(name: impl Into<String>, kind: IdentityKind) -> Self {
        let name = name.into();
        let derive = |what: &str| {
            let seed = format!("entra-pg:{what}:{name}");
            Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes()).to_string()
        };
        Self {
            object_id: derive("object"),
            client_id: derive("client"),
            kind,
            name,
        }
    }

    /// Sets the object id, the `oid` claim.
    #[must_use]
    pub fn with_object_id(mut self, id: impl Into<String>) -> Self {
        self.object_id = id.into();
        self
    }

    /// Sets the application (client) id, the `appid` claim.
    #[must_use]
    pub fn with_client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// Returns the name of the identity and of the PostgreSQL role, case-sensitive.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what kind of principal it is.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// Returns the `oid` claim. PostgreSQL's verdict compares this, not the name.
    pub fn object_id(&self) -> &str {
        &self.object_id
    }

    /// Returns the application (client) id, the `appid` claim.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the Azure resource id by which a managed identity can be requested.
    pub fn resource_id(&self) -> String {
        format!(
            "/subscriptions/{SUBSCRIPTION}/resourcegroups/emulator/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}",
            self.name
        )
    }
}

/// Finds the managed identity that a request's parameters name. Without any, the system-assigned one: the first.
///
/// Several parameters must agree, as on Azure.
pub(crate) fn find_managed<'a>(
    identities: &'a [Identity],
    query: &HashMap<String, String>,
) -> Option<&'a Identity> {
    let matches = |name: &str, actual: &str| {
        let requested = query.get(name);
        requested.is_none_or(|requested| requested.eq_ignore_ascii_case(actual))
    };
    identities
        .iter()
        .filter(|identity| identity.kind == IdentityKind::ManagedIdentity)
        .find(|identity| {
            matches("client_id", &identity.client_id)
                && matches("object_id", &identity.object_id)
                && matches("principal_id", &identity.object_id)
                && matches("msi_res_id", &identity.resource_id())
                && matches("mi_res_id", &identity.resource_id())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managed_identities_are_found_by_every_id_azure_knows() {
        let all = [
            Identity::new("alice@contoso.com", IdentityKind::User),
            Identity::new("app", IdentityKind::ManagedIdentity),
            Identity::new("other", IdentityKind::ManagedIdentity),
        ];
        let other = &all[2];
        let found = |name: &str, value: String| {
            let query = [(name.to_owned(), value)].into();
            find_managed(&all, &query).map(Identity::name)
        };
        assert_eq!(
            found("none", String::new()),
            Some("app"),
            "the system-assigned one"
        );
        assert_eq!(found("client_id", other.client_id.clone()), Some("other"));
        assert_eq!(
            found("client_id", other.client_id.to_uppercase()),
            Some("other")
        );
        assert_eq!(found("object_id", other.object_id.clone()), Some("other"));
        assert_eq!(
            found("principal_id", other.object_id.clone()),
            Some("other")
        );
        assert_eq!(found("msi_res_id", other.resource_id()), Some("other"));
        assert_eq!(found("mi_res_id", other.resource_id()), Some("other"));
        assert_eq!(found("client_id", Uuid::nil().to_string()), None, "unknown");
        assert_eq!(
            found("client_id", all[0].client_id.clone()),
            None,
            "a user is no managed identity"
        );
    }
}
