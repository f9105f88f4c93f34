//! Signed JSON Web Tokens (RS256), their key and its public form.
//!
//! Written over aws-lc-rs directly: JWT libraries choose their cryptography through a process-wide
//! provider, which must not depend on what the program under test happens to link.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
        RsaKeyPair, RsaParameters, UnparsedPublicKey,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Error;

/// An RSA key and the id under which it is published.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    id: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a token's content cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// Not a JWT with the expected claims.
    Malformed,
    /// Signed by another key, with another algorithm, or altered.
    Signature,
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(Error::crypto("generate the tokens' RSA key"))?;
        let id = BASE64.encode(&digest(&SHA256, pair.public_key().as_ref()).as_ref()[..20]);
        Ok(Self { pair, id })
    }

    /// Signs any claims.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, Error> {
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": self.id, "kid": self.id });
        self.sign_with(&header, claims)
    }

    /// Signs any claims under a header that names RS256.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> Result<String, Error> {
        let signed = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(Error::crypto("sign a token"))?;
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }

    /// The claims of a token that this key signed. Does not check times or audience.
    pub(crate) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, Invalid> {
        let (_, claims) = self.open(token, &[("RS256", &RSA_PKCS1_2048_8192_SHA256)])?;
        Ok(claims)
    }

    /// The header and the claims of an assertion that this key signed, with either algorithm that Entra accepts.
    pub(crate) fn verify_assertion<T: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Result<(Value, T), Invalid> {
        let algorithms: [(_, &'static RsaParameters); 2] = [
            ("PS256", &RSA_PSS_2048_8192_SHA256),
            ("RS256", &RSA_PKCS1_2048_8192_SHA256),
        ];
        self.open(token, &algorithms)
    }

    fn open<T: DeserializeOwned>(
        &self,
        token: &str,
        algorithms: &[(&str, &'static RsaParameters)],
    ) -> Result<(Value, T), Invalid> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Invalid::Malformed)?;
        let decode = |part: &str| BASE64.decode(part).map_err(|_| Invalid::Malformed);
        let header: Value =
            serde_json::from_slice(&decode(header)?).map_err(|_| Invalid::Malformed)?;
        let claims = decode(claims)?;
        let mut algorithms = algorithms.iter();
        let (_, algorithm) = algorithms
            .find(|(name, _)| header["alg"] == **name)
            .ok_or(Invalid::Signature)?;
        UnparsedPublicKey::new(*algorithm, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &decode(signature)?)
            .map_err(|_| Invalid::Signature)?;
        let claims = serde_json::from_slice(&claims).map_err(|_| Invalid::Malformed)?;
        Ok((header, claims))
    }

    /// The private key, for a certificate.
    pub(crate) fn pkcs8(&self) -> Result<Vec<u8>, Error> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&self.pair);
        let der = der.map_err(Error::crypto("export the application's key"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The public key, as a JWKS lists it.
    pub(crate) fn jwk(&self, issuer: &str) -> Value {
        let key = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "x5t": self.id, "issuer": issuer,
            "n": BASE64.encode(key.modulus().big_endian_without_leading_zero()),
            "e": BASE64.encode(key.exponent().big_endian_without_leading_zero()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_untouched_tokens_of_the_same_key_are_read() {
        let (key, other) = (
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        );
        let token = key.sign(&json!({ "aud": "a" })).unwrap();
        assert_eq!(key.verify::<Value>(&token), Ok(json!({ "aud": "a" })));
        assert_eq!(other.verify::<Value>(&token), Err(Invalid::Signature));

        let parts: Vec<_> = token.split('.').collect();
        let claims = BASE64.encode(r#"{"aud":"b"}"#);
        let altered = format!("{}.{claims}.{}", parts[0], parts[2]);
        assert_eq!(key.verify::<Value>(&altered), Err(Invalid::Signature));
        let unsigned = format!("{}.{claims}.", BASE64.encode(r#"{"alg":"none"}"#));
        assert_eq!(key.verify::<Value>(&unsigned), Err(Invalid::Signature));
        for garbage in ["", ".", "..", "a.b", "a.b.c", "secret"] {
            assert_eq!(
                key.verify::<Value>(garbage),
                Err(Invalid::Malformed),
                "{garbage}"
            );
        }
    }
}
