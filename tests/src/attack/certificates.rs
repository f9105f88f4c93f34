//! The certificate mill: roots, chains and keys, right and wrong.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair, SigningKey,
};
use rustls::{
    ServerConfig, SignatureAlgorithm, SignatureScheme,
    crypto::ring::{self, sign::any_supported_type},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, Signer, SigningKey as ServerKey},
};

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// What a server shows, and proves with its key.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: Arc<dyn ServerKey>,
}

/// An authority that nobody trusts yet.
pub(super) fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(authority_params(name), key).expect("a certificate")
}

pub(super) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// For these names, or addresses.
pub(super) fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params
        .distinguished_name
        .push(DnType::CommonName, "a server");
    params
}

/// The chain is this one certificate.
pub(super) fn signed(params: &CertificateParams, by: &Issuer<'_, impl SigningKey>) -> Shown {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("a certificate");
    shown(vec![certificate.der().clone()], &key)
}

pub(super) fn shown(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Shown {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = any_supported_type(&key).expect("a key");
    Shown { chain, key }
}

impl Shown {
    /// With this behind it in the chain.
    pub(super) fn with(mut self, more: &CertificateDer<'static>) -> Self {
        self.chain.push(more.clone());
        self
    }

    pub(super) fn into_config(self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("TLS");
        Arc::new(
            builder
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(Always(
                    CertifiedKey::new(self.chain, self.key).into(),
                ))),
        )
    }
}

/// rustls's own way refuses a certificate that it finds wrong.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Signs nothing, for a key that rustls does not sign with.
#[derive(Debug)]
pub(super) struct Pretender;

impl ServerKey for Pretender {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for Pretender {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![1; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}

/// A certificate with which nothing is wrong.
pub(super) fn right(authority: &Authority) -> Shown {
    signed(&leaf(&["localhost"]), authority)
}
