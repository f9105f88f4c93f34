//! The claims of a token, for diagnosis and for a default user name. Never trusted: only the server verifies the
//! signature.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::jwt;

/// The claims that identify who logs in, and show why a server might refuse a token.
///
/// A claim that is missing, or of another type than expected, is `None`; it does not hide the others.
/// [Microsoft's reference](https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference) has the details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The service that the token is for.
    pub audience: Option<String>,
    /// The tenant (directory) that issued it.
    pub tenant_id: Option<String>,
    /// The principal's object id, by which the server maps it to a role.
    pub object_id: Option<String>,
    /// The user principal name.
    pub upn: Option<String>,
    /// The name a user signs in with.
    pub preferred_username: Option<String>,
    /// A name for the user.
    pub unique_name: Option<String>,
    /// Who issued the token.
    pub issuer: Option<String>,
    /// Where a guest signed in, if it is not the [`issuer`](Self::issuer).
    pub identity_provider: Option<String>,
    /// The Azure resource id of a managed identity.
    pub managed_identity_resource_id: Option<String>,
    /// The application (client) id. In a person's token, that of the program that requested it.
    pub application_id: Option<String>,
    /// The kind of principal: `app` or `user`.
    pub principal_type: Option<String>,
    /// When its validity begins.
    pub not_before: Option<SystemTime>,
    /// When it expires.
    pub expires_on: Option<SystemTime>,
}

impl Claims {
    pub(crate) fn read(token: &str) -> Self {
        let Some(payload) = jwt::payload(token) else {
            return Self::default();
        };
        let claim = |name| text(payload.get(name));
        Self {
            audience: claim("aud"),
            tenant_id: claim("tid"),
            object_id: claim("oid"),
            upn: claim("upn"),
            preferred_username: claim("preferred_username"),
            unique_name: claim("unique_name"),
            issuer: claim("iss"),
            identity_provider: claim("idp"),
            managed_identity_resource_id: claim("xms_mirid"),
            // Tokens of version 2 have the other.
            application_id: claim("appid").or_else(|| claim("azp")),
            principal_type: claim("idtyp"),
            not_before: time(payload.get("nbf")),
            expires_on: time(payload.get("exp")),
        }
    }

    /// Returns the default name of this principal's role: the user's name, or the managed identity's. A guest has a name in
    /// the server's tenant that the token does not hold, unless it is the one with `#EXT#`.
    ///
    /// Never the application or object id: the server maps roles by object id but logs in by name. A service principal's
    /// token holds no name, so this returns `None`; its role must be given in the URL.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctest.rs"));
    /// # fn main() { example(async |cache| {
    /// # let token = cache.get(std::time::Duration::from_secs(15)).await?;
    /// assert_eq!(token.claims().role_name(), Some("alice@contoso.com"));
    /// # Ok(()) }) }
    /// ```
    pub fn role_name(&self) -> Option<&str> {
        let mut names = self.user_names();
        let usable = if self.is_guest() {
            names.find(|name| is_name_of_guest(name))
        } else {
            names.next()
        };
        usable.or_else(|| self.managed_identity_name())
    }

    /// Returns the name of a guest's role, with `TENANT.onmicrosoft.com` for the domain that the token does not hold; `None` for
    /// everybody else. <https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users>
    pub fn guest_name(&self) -> Option<String> {
        if !self.is_guest() || self.role_name().is_some() {
            return None;
        }
        // `live.com#alice@outlook.com`
        let mails = self
            .user_names()
            .map(|name| name.rsplit('#').next().unwrap_or(name));
        let mail = mails
            .into_iter()
            .find(|mail| mail.contains('@'))
            .unwrap_or("USER@DOMAIN");
        Some(format!(
            "{}#EXT#@TENANT.onmicrosoft.com",
            mail.replace('@', "_")
        ))
    }

    /// Guests sign in elsewhere. <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
    fn is_guest(&self) -> bool {
        let elsewhere = self.identity_provider.is_some() && self.identity_provider != self.issuer;
        // The unique name then begins with who knows the user: `live.com#`.
        let is_foreign = |name: &str| name.contains('#') && !is_name_of_guest(name);
        elsewhere || self.user_names().any(is_foreign)
    }

    fn user_names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.upn, &self.preferred_username, &self.unique_name];
        names.into_iter().filter_map(|name| name.as_deref())
    }

    fn managed_identity_name(&self) -> Option<&str> {
        let (parent, name) = self
            .managed_identity_resource_id
            .as_deref()?
            .rsplit_once('/')?;
        (!parent.is_empty() && !name.is_empty()).then_some(name)
    }
}

/// Whether it is a guest's name in the tenant that invited them.
fn is_name_of_guest(name: &str) -> bool {
    name.to_ascii_uppercase().contains("#EXT#@")
}

fn text(claim: Option<&Value>) -> Option<String> {
    let text = claim?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Seconds since 1970.
fn time(claim: Option<&Value>) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(claim?.as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    use rstest::rstest;

    const MANAGED: &str = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders-app";

    fn claims(json: &str) -> Claims {
        Claims::read(&format!("e30.{}.signature", BASE64.encode(json)))
    }

    #[rstest]
    #[case::user(
        r#"{"upn":"alice@contoso.com","unique_name":"x"}"#,
        Some("alice@contoso.com")
    )]
    #[case::guest(r#"{"unique_name":"live.com#alice@outlook.com"}"#, None)]
    #[case::guest_of_another_tenant(
        r#"{"unique_name":"a@fabrikam.com","iss":"https://sts.windows.net/h/","idp":"https://sts.windows.net/f/"}"#,
        None
    )]
    #[case::guest_in_v2(r#"{"preferred_username":"a@fabrikam.com","iss":"h","idp":"f"}"#, None)]
    #[case::guest_by_the_name_here(
        r#"{"unique_name":"a@fabrikam.com","upn":"a_fabrikam.com#EXT#@contoso.onmicrosoft.com","iss":"h","idp":"f"}"#,
        Some("a_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    )]
    #[case::member_with_an_issuer(
        r#"{"upn":"a@contoso.com","iss":"h","idp":"h"}"#,
        Some("a@contoso.com")
    )]
    #[case::managed_identity_with_an_issuer(&format!(r#"{{"xms_mirid":"{MANAGED}","iss":"h","idp":"h"}}"#), Some("orders-app"))]
    #[case::v2(r#"{"preferred_username":"bob@contoso.com"}"#, Some("bob@contoso.com"))]
    #[case::managed(&format!(r#"{{"xms_mirid":"{MANAGED}","appid":"a","oid":"o"}}"#), Some("orders-app"))]
    #[case::service_principal(r#"{"appid":"a","oid":"o"}"#, None)]
    #[case::wrong_type_hides_no_other(
        r#"{"upn":7,"xms_mirid":[],"unique_name":"carol"}"#,
        Some("carol")
    )]
    #[case::unusable_resource_id(r#"{"xms_mirid":"nonsense"}"#, None)]
    #[case::resource_id_without_a_name(r#"{"xms_mirid":"userAssignedIdentities/"}"#, None)]
    #[case::resource_id_without_a_parent(r#"{"xms_mirid":"/orders-app"}"#, None)]
    #[case::empty(r#"{"upn":""}"#, None)]
    #[case::not_an_object("[]", None)]
    #[case::not_an_object_but_as_long(r#"["a","t","o","upn","p","u","x"]"#, None)]
    #[case::said_twice_hides_no_other(r#"{"aud":"a","aud":"b","upn":"alice"}"#, Some("alice"))]
    fn the_role_is_never_guessed_from_an_id(#[case] json: &str, #[case] role: Option<&str>) {
        assert_eq!(claims(json).role_name(), role);
    }

    #[rstest]
    #[case(
        r#"{"unique_name":"live.com#alice@outlook.com"}"#,
        Some("alice_outlook.com#EXT#@TENANT.onmicrosoft.com")
    )]
    #[case(
        r#"{"preferred_username":"a@fabrikam.com","iss":"h","idp":"f"}"#,
        Some("a_fabrikam.com#EXT#@TENANT.onmicrosoft.com")
    )]
    #[case(
        r#"{"iss":"h","idp":"f"}"#,
        Some("USER_DOMAIN#EXT#@TENANT.onmicrosoft.com")
    )]
    #[case(r#"{"upn":"alice@contoso.com","iss":"h","idp":"h"}"#, None)]
    #[case(r#"{"appid":"a","iss":"h"}"#, None)]
    fn a_guest_learns_the_form_of_the_name(#[case] json: &str, #[case] name: Option<&str>) {
        assert_eq!(claims(json).guest_name().as_deref(), name);
    }

    #[test]
    fn a_time_that_is_none_is_no_error() {
        let read = claims(r#"{"nbf":1000,"exp":-1,"appid":7,"azp":"a"}"#);
        assert_eq!(
            read.not_before,
            Some(UNIX_EPOCH + Duration::from_secs(1000))
        );
        assert_eq!(read.expires_on, None);
        assert_eq!(read.application_id.as_deref(), Some("a"));
        assert_eq!(claims(r#"{"exp":18446744073709551615}"#).expires_on, None);
    }

    #[rstest]
    #[case("")]
    #[case("opaque")]
    #[case("a.b.c")]
    #[case("a.é.c")]
    #[case("..")]
    fn an_opaque_token_is_no_error(#[case] token: &str) {
        assert_eq!(Claims::read(token), Claims::default());
    }
}
