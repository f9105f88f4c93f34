//! What the proof of a client certificate needs of the crypto provider: a signature and a hash.

use std::{fmt, sync::Arc};

use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    crypto::ring,
    pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer},
    sign,
};

/// An RSA key that signs as `PS256` of JSON Web Algorithms does.
#[derive(Clone)]
pub struct RsaSigningKey(Arc<dyn sign::SigningKey>);

impl RsaSigningKey {
    /// Takes a private key in the form of PKCS #8 or PKCS #1.
    ///
    /// ```
    /// use entra_pg_rustls::{RsaSigningKey, rustls::pki_types::PrivatePkcs8KeyDer};
    ///
    /// assert!(RsaSigningKey::from_der(&PrivatePkcs8KeyDer::from(&b"no key"[..]).into()).is_err());
    /// ```
    ///
    /// # Errors
    /// What is wrong with it: it is damaged, too short, or no RSA key.
    pub fn from_der(der: &PrivateKeyDer<'_>) -> Result<Self, Error> {
        let key = ring::sign::any_supported_type(der)?;
        match key.algorithm() {
            SignatureAlgorithm::RSA => Ok(Self(key)),
            _ => Err(Error::General("it is not an RSA key".to_owned())),
        }
    }

    /// Returns the public key, as a certificate holds it.
    pub fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.public_key()
    }

    /// Signs a message.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signer = self.0.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]);
        let signer = signer.ok_or_else(|| Error::General("it cannot sign".to_owned()))?;
        signer.sign(message)
    }
}

impl fmt::Debug for RsaSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaSigningKey")
    }
}

/// Returns the SHA-256 hash of `data`.
///
/// ```
/// assert_eq!(entra_pg_rustls::sha256(b"abc")[..3], [0xba, 0x78, 0x16]);
/// ```
pub fn sha256(data: &[u8]) -> Vec<u8> {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let common = match suite {
        rustls::SupportedCipherSuite::Tls12(suite) => &suite.common,
        rustls::SupportedCipherSuite::Tls13(suite) => &suite.common,
    };
    common.hash_provider.hash(data).as_ref().to_vec()
}
