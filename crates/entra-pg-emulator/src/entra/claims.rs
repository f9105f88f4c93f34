//! The claims of access tokens: those of Entra's v1 tokens, which Azure Database for PostgreSQL receives.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use super::{Identity, IdentityKind};

/// The Azure CLI's own application id, which signed-in users' tokens carry.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// How long before its expiry a token with a negative lifetime claims to have been issued, in seconds.
const PAST_LIFETIME: i64 = 3600;

/// The endpoint that issued a token; the claims depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    ManagedIdentity,
    WorkloadIdentity,
    ClientSecret,
    ClientCertificate,
    AzureCli,
}

/// When a token starts and stops being valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Validity {
    pub(crate) fn new(start: i64, lifetime: i64) -> Self {
        let until = start.saturating_add(lifetime);
        Self {
            from: if lifetime < 0 {
                until - PAST_LIFETIME
            } else {
                start
            },
            until,
        }
    }
}

/// Everything a token's claims are made of.
pub(crate) struct Subject<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) audience: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) flow: Flow,
    pub(crate) validity: Validity,
    /// Counts the tokens of this emulator.
    pub(crate) serial: u64,
}

/// The issuer of v1 tokens.
pub(crate) fn issuer_url(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// The claims, in the shape of Entra's.
pub(crate) fn claims(subject: &Subject<'_>) -> Value {
    let Subject {
        identity,
        audience,
        tenant,
        flow,
        validity,
        serial,
    } = *subject;
    let mut claims = json!({
        "aud": audience,
        "iss": issuer_url(tenant),
        "iat": validity.from,
        "nbf": validity.from,
        "exp": validity.until,
        "oid": identity.object_id(),
        "sub": identity.object_id(),
        "tid": tenant,
        "idp": issuer_url(tenant),
        "uti": unique_id(serial),
        "ver": "1.0",
    });
    let more = match (identity.kind(), flow) {
        (IdentityKind::User, _) => json!({
            "idtyp": "user", "appid": AZURE_CLI, "appidacr": "0", "amr": ["pwd"], "scp": "user_impersonation",
            "name": identity.name(), "upn": identity.name(), "unique_name": identity.name(),
        }),
        (IdentityKind::ServicePrincipal, _) | (_, Flow::ClientSecret) => {
            json!({ "idtyp": "app", "appid": identity.client_id(), "appidacr": "1" })
        }
        (_, Flow::ClientCertificate) => {
            json!({ "idtyp": "app", "appid": identity.client_id(), "appidacr": "2" })
        }
        (IdentityKind::ManagedIdentity, _) => json!({
            "idtyp": "app", "appid": identity.client_id(), "appidacr": "2", "xms_mirid": identity.resource_id(),
        }),
    };
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
        claims.extend(more);
    }
    claims
}

/// The `uti` claim: unlike any other, and telling which of two tokens was made first.
fn unique_id(serial: u64) -> String {
    let bytes = (u128::from(serial) << 64) | u128::from(fastrand::u64(..));
    BASE64.encode(bytes.to_be_bytes())
}

/// The serial number in a `uti` claim.
pub(crate) fn serial(unique_id: &str) -> Option<u64> {
    let bytes: [u8; 16] = BASE64.decode(unique_id).ok()?.try_into().ok()?;
    u64::try_from(u128::from_be_bytes(bytes) >> 64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_for(kind: IdentityKind, flow: Flow) -> Value {
        let identity = Identity::new("app", kind);
        let validity = Validity::new(1000, 5);
        claims(&Subject {
            identity: &identity,
            audience: "aud",
            tenant: "tenant",
            flow,
            validity,
            serial: 7,
        })
    }

    #[test]
    fn claims_say_who_for_whom_and_how_long() {
        let claims = made_for(IdentityKind::ManagedIdentity, Flow::ManagedIdentity);
        let identity = Identity::new("app", IdentityKind::ManagedIdentity);
        assert_eq!(claims["aud"], "aud");
        assert_eq!(claims["oid"], identity.object_id());
        assert_eq!(claims["appid"], identity.client_id());
        assert_eq!(
            (claims["iat"].as_i64(), claims["exp"].as_i64()),
            (Some(1000), Some(1005))
        );
        assert_eq!(claims["xms_mirid"], identity.resource_id());
        assert_eq!(serial(claims["uti"].as_str().unwrap()), Some(7));
    }

    #[test]
    fn only_users_and_managed_identities_are_named() {
        let app = made_for(IdentityKind::ServicePrincipal, Flow::ManagedIdentity);
        assert!(app.get("xms_mirid").is_none() && app.get("upn").is_none());
        let secret = made_for(IdentityKind::ManagedIdentity, Flow::ClientSecret);
        assert!(
            secret.get("xms_mirid").is_none(),
            "managed identities have no secrets, so this is an application"
        );
        let user = made_for(IdentityKind::User, Flow::AzureCli);
        assert_eq!(
            (&user["upn"], &user["unique_name"], &user["idtyp"]),
            (&json!("app"), &json!("app"), &json!("user"))
        );
    }

    #[test]
    fn every_token_is_distinct() {
        assert_ne!(unique_id(1), unique_id(1));
    }

    #[test]
    fn an_expired_token_was_valid_once() {
        assert_eq!(
            Validity::new(10_000, -60),
            Validity {
                from: 6340,
                until: 9940
            }
        );
    }
}
