//! An application's certificate, and what Entra checks of the assertions that it signs.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use serde::Deserialize;
use serde_json::Value;

use super::{SigningKey, clock};
use crate::Error;

/// How far the clocks may differ, and how long an assertion may live, in seconds.
const SKEW: i64 = 300;
const LONGEST_LIFETIME: i64 = 3600;

/// Why Entra refuses: its own number, and the message.
type Refusal = (u32, String);

pub(crate) struct ClientCertificate {
    /// The certificate and its key.
    pub(crate) pem: String,
    sha256: String,
    sha1: String,
}

impl ClientCertificate {
    pub(crate) fn new(key: &SigningKey) -> Result<Self, Error> {
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key.pkcs8()?.into(), &PKCS_RSA_SHA256)
            .map_err(Error::crypto("read the application's key"))?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "entra-pg emulator application");
        let certificate = params
            .self_signed(&key)
            .map_err(Error::crypto("sign the application's certificate"))?;
        let thumbprint =
            |algorithm: &'static Algorithm| BASE64.encode(digest(algorithm, certificate.der()));
        Ok(Self {
            pem: format!("{}{}", certificate.pem(), key.serialize_pem()),
            sha256: thumbprint(&SHA256),
            sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
        })
    }

    /// Whether an assertion names its application as its issuer, which only a certificate's does.
    pub(crate) fn signs(assertion: &str, client_id: &str) -> bool {
        let claims = assertion
            .split('.')
            .nth(1)
            .and_then(|part| BASE64.decode(part).ok());
        let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
        claims.is_some_and(|claims| claims["iss"] == client_id)
    }

    /// Checks an assertion that this certificate's key has to have signed.
    pub(crate) fn check(
        &self,
        key: &SigningKey,
        assertion: &str,
        client_id: &str,
        endpoint: &str,
    ) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Assertion {
            sub: String,
            aud: String,
            nbf: i64,
            exp: i64,
            jti: String,
        }
        let refuse = |code, text: &str| Err((code, text.to_owned()));
        let Ok((header, found)) = key.verify_assertion::<Assertion>(assertion) else {
            return refuse(
                700_027,
                "The certificate with identifier used to sign the client assertion is not registered on application, or the signature is invalid.",
            );
        };
        let expected = match header["alg"].as_str() {
            Some("PS256") => ("x5t#S256", &self.sha256),
            _ => ("x5t", &self.sha1),
        };
        let now = clock::seconds(clock::now());
        if header[expected.0] != **expected.1 {
            refuse(
                700_027,
                "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]",
            )
        } else if found.aud != endpoint {
            refuse(
                700_023,
                "Client assertion audience claim does not match Realm issuer.",
            )
        } else if found.sub != client_id || found.jti.is_empty() {
            refuse(
                700_021,
                "Client assertion application identifier doesn't match 'client_id' parameter.",
            )
        } else if found.nbf > now + SKEW
            || found.exp < now - SKEW
            || found.exp > now + LONGEST_LIFETIME
        {
            refuse(
                700_024,
                "Client assertion is not within its valid time range.",
            )
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ENDPOINT: &str = "https://localhost:1/t/oauth2/v2.0/token";

    #[test]
    fn an_assertion_is_checked_in_every_part() {
        let (key, other) = (
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        );
        let certificate = ClientCertificate::new(&key).unwrap();
        let now = clock::seconds(clock::now());
        let good = json!({ "iss": "c", "sub": "c", "aud": ENDPOINT, "nbf": now, "exp": now + 300, "jti": "j" });
        let header = |name: &str, value: &str| json!({ "alg": "RS256", name: value });
        let check = |signer: &SigningKey, header: &Value, claims: &Value| {
            let assertion = signer.sign_with(header, claims).unwrap();
            assert!(ClientCertificate::signs(&assertion, "c"));
            let result = certificate.check(&key, &assertion, "c", ENDPOINT);
            result.map_err(|(code, _)| code)
        };
        let thumbprint = header("x5t", &certificate.sha1);
        assert_eq!(check(&key, &thumbprint, &good), Ok(()));
        assert_eq!(check(&key, &header("x5t", "another"), &good), Err(700_027));
        assert_eq!(
            check(&key, &header("x5t#S256", &certificate.sha256), &good),
            Err(700_027)
        );
        for (name, value, code) in [
            (
                "aud",
                json!("https://localhost:1/u/oauth2/v2.0/token"),
                700_023,
            ),
            ("sub", json!("d"), 700_021),
            ("exp", json!(now - 301), 700_024),
            ("exp", json!(now + 86_400), 700_024),
            ("nbf", json!(now + 3_000), 700_024),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            assert_eq!(check(&key, &thumbprint, &claims), Err(code), "{name}");
        }
        assert_eq!(check(&other, &thumbprint, &good), Err(700_027));
    }
}
