//! What a token says about its principal. Read for diagnosis and for a default user name, never trusted: only the
//! server verifies the signature.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The claims that help to tell who logs in, and why a server might refuse it.
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
///
/// A claim that is missing, or of another type than expected, is `None`; it never hides the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// For which service the token is.
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
    /// The Azure resource id of a managed identity.
    pub managed_identity_resource_id: Option<String>,
    /// The application (client) id. For a person's token, that of the program that asked for it.
    pub application_id: Option<String>,
    /// What kind of principal it is: `app` or `user`.
    pub principal_type: Option<String>,
    /// From when on it is valid.
    pub not_before: Option<SystemTime>,
    /// When it expires.
    pub expires_on: Option<SystemTime>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    aud: serde_json::Value,
    #[serde(default)]
    tid: serde_json::Value,
    #[serde(default)]
    oid: serde_json::Value,
    #[serde(default)]
    upn: serde_json::Value,
    #[serde(default)]
    preferred_username: serde_json::Value,
    #[serde(default)]
    unique_name: serde_json::Value,
    #[serde(default)]
    xms_mirid: serde_json::Value,
    #[serde(default)]
    appid: serde_json::Value,
    /// What tokens of version 2 have in place of `appid`.
    #[serde(default)]
    azp: serde_json::Value,
    #[serde(default)]
    idtyp: serde_json::Value,
    #[serde(default)]
    nbf: serde_json::Value,
    #[serde(default)]
    exp: serde_json::Value,
}

impl Claims {
    pub(crate) fn read(token: &str) -> Self {
        let Some(payload) = decode(token) else {
            return Self::default();
        };
        Self {
            audience: text(payload.aud),
            tenant_id: text(payload.tid),
            object_id: text(payload.oid),
            upn: text(payload.upn),
            preferred_username: text(payload.preferred_username),
            unique_name: text(payload.unique_name),
            managed_identity_resource_id: text(payload.xms_mirid),
            application_id: text(payload.appid).or_else(|| text(payload.azp)),
            principal_type: text(payload.idtyp),
            not_before: time(&payload.nbf),
            expires_on: time(&payload.exp),
        }
    }

    /// The name under which this principal's role is created by default: the user's name, or the managed identity's.
    ///
    /// Never the application or object id: the server maps roles by object id but logs in by name. A service
    /// principal's token holds no name, so there is none here; its role must be given in the URL.
    pub fn role_name(&self) -> Option<&str> {
        self.upn
            .as_deref()
            .or(self.preferred_username.as_deref())
            .or(self.unique_name.as_deref())
            .or_else(|| self.managed_identity_name())
    }

    fn managed_identity_name(&self) -> Option<&str> {
        let (parent, name) = self
            .managed_identity_resource_id
            .as_deref()?
            .rsplit_once('/')?;
        (!parent.is_empty() && !name.is_empty()).then_some(name)
    }
}

fn decode(token: &str) -> Option<Payload> {
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

fn text(claim: serde_json::Value) -> Option<String> {
    match claim {
        serde_json::Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Seconds since 1970.
fn time(claim: &serde_json::Value) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(claim.as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MANAGED: &str = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders-app";

    fn claims(json: &str) -> Claims {
        Claims::read(&format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(json)))
    }

    #[rstest]
    #[case::user(
        r#"{"upn":"alice@contoso.com","unique_name":"x"}"#,
        Some("alice@contoso.com")
    )]
    #[case::guest(
        r#"{"unique_name":"live.com#alice@outlook.com"}"#,
        Some("live.com#alice@outlook.com")
    )]
    #[case::v2(r#"{"preferred_username":"bob@contoso.com"}"#, Some("bob@contoso.com"))]
    #[case::managed(&format!(r#"{{"xms_mirid":"{MANAGED}","appid":"a","oid":"o"}}"#), Some("orders-app"))]
    #[case::service_principal(r#"{"appid":"a","oid":"o"}"#, None)]
    #[case::wrong_type_hides_no_other(
        r#"{"upn":7,"xms_mirid":[],"unique_name":"carol"}"#,
        Some("carol")
    )]
    #[case::unusable_resource_id(r#"{"xms_mirid":"nonsense"}"#, None)]
    #[case::empty(r#"{"upn":""}"#, None)]
    #[case::not_an_object("[]", None)]
    fn the_role_is_never_guessed_from_an_id(#[case] json: &str, #[case] role: Option<&str>) {
        assert_eq!(claims(json).role_name(), role);
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
