//! Who can ask for a token and log in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The subscription all emulated managed identities live in.
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";

/// What kind of principal an identity is; decides the claims of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// A managed identity: its tokens name it in `xms_mirid`.
    ManagedIdentity,
    /// An application: its tokens do not name it.
    ServicePrincipal,
    /// A person: the tokens carry `upn` and `unique_name`.
    User,
}

/// A principal of the emulated directory, mapped to the PostgreSQL role of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the identity and of the PostgreSQL role, case-sensitive.
    pub name: String,
    /// The `oid` claim. PostgreSQL's verdict compares this, not the name.
    pub object_id: Uuid,
    /// The application (client) id, the `appid` claim.
    pub client_id: Uuid,
    /// What kind of principal it is.
    pub kind: IdentityKind,
}

impl Identity {
    /// An identity of any kind, its ids derived from its name: the same in every run.
    pub fn new(name: impl Into<String>, kind: IdentityKind) -> Self {
        let name = name.into();
        let derive = |what: &str| {
            Uuid::new_v5(
                &Uuid::NAMESPACE_URL,
                format!("entra-pg:{what}:{name}").as_bytes(),
            )
        };
        Self {
            object_id: derive("object"),
            client_id: derive("client"),
            kind,
            name,
        }
    }

    /// The Azure resource id by which a managed identity can be asked for.
    pub fn resource_id(&self) -> String {
        format!(
            "/subscriptions/{SUBSCRIPTION}/resourcegroups/emulator/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}",
            self.name
        )
    }
}

/// Finds the managed identity a request's parameters name. Without any, the system-assigned one: the first.
///
/// Several parameters must agree, as on Azure.
pub(crate) fn find_managed(
    identities: &[Identity],
    parameter: impl Fn(&str) -> Option<String>,
) -> Option<&Identity> {
    let same = |name: &str, actual: &str| {
        parameter(name).is_none_or(|asked| asked.eq_ignore_ascii_case(actual))
    };
    identities
        .iter()
        .filter(|identity| identity.kind == IdentityKind::ManagedIdentity)
        .find(|identity| {
            same("client_id", &identity.client_id.to_string())
                && same("object_id", &identity.object_id.to_string())
                && same("principal_id", &identity.object_id.to_string())
                && same("msi_res_id", &identity.resource_id())
                && same("mi_res_id", &identity.resource_id())
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
        let found = |name: &'static str, value: String| {
            find_managed(&all, move |asked| (asked == name).then(|| value.clone()))
                .map(|found| found.name.as_str())
        };
        assert_eq!(
            found("none", String::new()),
            Some("app"),
            "the system-assigned one"
        );
        assert_eq!(
            found("client_id", other.client_id.to_string()),
            Some("other")
        );
        assert_eq!(
            found("client_id", other.client_id.to_string().to_uppercase()),
            Some("other")
        );
        assert_eq!(
            found("object_id", other.object_id.to_string()),
            Some("other")
        );
        assert_eq!(
            found("principal_id", other.object_id.to_string()),
            Some("other")
        );
        assert_eq!(found("msi_res_id", other.resource_id()), Some("other"));
        assert_eq!(found("mi_res_id", other.resource_id()), Some("other"));
        assert_eq!(found("client_id", Uuid::nil().to_string()), None, "unknown");
        assert_eq!(
            found("client_id", all[0].client_id.to_string()),
            None,
            "a user is no managed identity"
        );
    }
}
