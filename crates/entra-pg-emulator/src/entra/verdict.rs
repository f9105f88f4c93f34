//! Whether a token may log in as a role. A pure function, with the verdict of Azure's server.
//!
//! There is no leeway: a token is rejected from the second it expires. A rejection never quotes a token, and
//! quotes claims only after the signature has been checked.

use std::time::Duration;

use super::{
    claims, clock,
    signing_key::{Invalid, SigningKey},
};
use serde::Deserialize;

/// Why a login was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("no token: the password is empty")]
    Empty,
    #[error("the password is not a token")]
    Malformed,
    #[error("signature: the token was not signed by the emulator's key")]
    Signature,
    #[error("audience {found} is not {expected}")]
    Audience { found: String, expected: String },
    #[error("token expired {0} s ago")]
    Expired(i64),
    #[error("token not valid for another {0} s")]
    NotYetValid(i64),
    #[error("role {0} is not mapped to an identity")]
    UnknownRole(String),
    #[error("object id {object_id} is not that of role {role}")]
    OtherPrincipal { object_id: String, role: String },
    #[error("token revoked")]
    Revoked,
}

/// What a role is mapped to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping<'a> {
    pub(crate) object_id: &'a str,
    /// Tokens with a smaller serial number are revoked.
    pub(crate) revoked_before: u64,
}

/// What every token is checked against.
pub(crate) struct Rules<'a> {
    pub(crate) key: &'a SigningKey,
    pub(crate) audience: &'a str,
    /// Since 1970.
    pub(crate) now: Duration,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    nbf: i64,
    oid: String,
    uti: String,
}

/// Decides about one login.
pub(crate) fn judge(
    rules: &Rules<'_>,
    role: &str,
    mapping: Option<Mapping<'_>>,
    token: &str,
) -> Result<(), Rejection> {
    if token.is_empty() {
        return Err(Rejection::Empty);
    }
    let claims: Claims = rules.key.verify(token).map_err(|invalid| match invalid {
        Invalid::Malformed => Rejection::Malformed,
        Invalid::Signature => Rejection::Signature,
    })?;
    if claims.aud.trim_end_matches('/') != rules.audience.trim_end_matches('/') {
        return Err(Rejection::Audience {
            found: claims.aud,
            expected: rules.audience.to_owned(),
        });
    }
    let now = clock::seconds(rules.now);
    if now >= claims.exp {
        return Err(Rejection::Expired(now - claims.exp));
    }
    if now < claims.nbf {
        return Err(Rejection::NotYetValid(claims.nbf - now));
    }
    let mapping = mapping.ok_or_else(|| Rejection::UnknownRole(role.to_owned()))?;
    if claims.oid != mapping.object_id {
        return Err(Rejection::OtherPrincipal {
            object_id: claims.oid,
            role: role.to_owned(),
        });
    }
    if claims::serial(&claims.uti).is_none_or(|serial| serial < mapping.revoked_before) {
        return Err(Rejection::Revoked);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::{
        Flow, Identity, IdentityKind, Validity,
        claims::{Subject, claims},
    };

    const AUDIENCE: &str = "https://ossrdbms-aad.database.windows.net";
    const NOW: i64 = 1_000_000;

    #[derive(Clone, Copy)]
    struct Case {
        signer: usize,
        identity: &'static str,
        audience: &'static str,
        start: i64,
        lifetime: i64,
        serial: u64,
        role: &'static str,
    }

    const GOOD: Case = Case {
        signer: 0,
        identity: "app",
        audience: AUDIENCE,
        start: NOW,
        lifetime: 5,
        serial: 10,
        role: "app",
    };

    fn id(name: &str) -> String {
        Identity::new(name, IdentityKind::ManagedIdentity)
            .object_id()
            .to_owned()
    }

    /// The verdict at `NOW` and almost a second; only `app` is mapped, its tokens before number 10 are revoked.
    fn verdict(key: &SigningKey, role: &str, token: &str) -> Result<(), Rejection> {
        let now = Duration::from_millis(u64::try_from(NOW).unwrap() * 1000 + 900);
        let rules = Rules {
            key,
            audience: AUDIENCE,
            now,
        };
        let app = id("app");
        let mapping = (role == "app").then(|| Mapping {
            object_id: &app,
            revoked_before: 10,
        });
        judge(&rules, role, mapping, token)
    }

    #[test]
    fn tokens_that_must_and_must_not_log_in() {
        use Rejection::{Expired, NotYetValid, Revoked, Signature, UnknownRole};
        const VAULT: &str = "https://vault.azure.net";
        let keys = [
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        ];
        let slash = "https://ossrdbms-aad.database.windows.net/";
        let audience = Rejection::Audience {
            found: VAULT.into(),
            expected: AUDIENCE.into(),
        };
        let eve = Rejection::OtherPrincipal {
            object_id: id("eve"),
            role: "app".into(),
        };
        let cases = [
            ("good", GOOD, Ok(())),
            (
                "trailing slash",
                Case {
                    audience: slash,
                    ..GOOD
                },
                Ok(()),
            ),
            (
                "last second",
                Case {
                    start: NOW - 4,
                    ..GOOD
                },
                Ok(()),
            ),
            (
                "just expired",
                Case {
                    start: NOW - 5,
                    ..GOOD
                },
                Err(Expired(0)),
            ),
            (
                "expired",
                Case {
                    lifetime: -60,
                    ..GOOD
                },
                Err(Expired(60)),
            ),
            (
                "not yet valid",
                Case {
                    start: NOW + 30,
                    ..GOOD
                },
                Err(NotYetValid(30)),
            ),
            ("other key", Case { signer: 1, ..GOOD }, Err(Signature)),
            (
                "other audience",
                Case {
                    audience: VAULT,
                    ..GOOD
                },
                Err(audience),
            ),
            (
                "other principal",
                Case {
                    identity: "eve",
                    ..GOOD
                },
                Err(eve),
            ),
            (
                "unknown role",
                Case {
                    role: "ghost",
                    ..GOOD
                },
                Err(UnknownRole("ghost".into())),
            ),
            ("revoked", Case { serial: 9, ..GOOD }, Err(Revoked)),
        ];
        for (name, case, expected) in cases {
            let claims = claims(&Subject {
                identity: &Identity::new(case.identity, IdentityKind::ManagedIdentity),
                audience: case.audience,
                tenant: "tenant",
                flow: Flow::ManagedIdentity,
                validity: Validity::new(case.start, case.lifetime),
                serial: case.serial,
            });
            let token = keys[case.signer].sign(&claims).unwrap();
            assert_eq!(verdict(&keys[0], case.role, &token), expected, "{name}");
        }
    }

    #[test]
    fn passwords_are_no_tokens() {
        let key = SigningKey::generate().unwrap();
        let claims_missing = key.sign(&serde_json::json!({ "aud": AUDIENCE })).unwrap();
        for (password, expected) in [
            ("", Rejection::Empty),
            ("secret", Rejection::Malformed),
            ("a.b.c", Rejection::Malformed),
            (claims_missing.as_str(), Rejection::Malformed),
        ] {
            assert_eq!(
                verdict(&key, "app", password),
                Err(expected),
                "{password:?}"
            );
        }
    }
}
