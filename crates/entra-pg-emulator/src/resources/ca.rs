//! The emulator's own certificate authority, new in every run.

use std::{net::IpAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::Error;

/// The root that clients trust.
pub(crate) struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate and key, both in PEM.
pub(crate) struct ServerCertificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl CertificateAuthority {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "entra-pg emulator CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(Error::crypto("generate the CA's key"))?;
        CertifiedIssuer::self_signed(params, key)
            .map(Self)
            .map_err(Error::crypto("sign the CA's certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for PostgreSQL. It holds a DNS name only: connecting to an address must fail.
    pub(crate) fn postgres(&self, name: &str) -> Result<ServerCertificate, Error> {
        let (certificate, key) = self.issue(&[name], &[])?;
        Ok(ServerCertificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// TLS for the Entra endpoint, on any loopback address.
    pub(crate) fn https(&self) -> Result<Arc<ServerConfig>, Error> {
        let (certificate, key) = self.issue(
            &["localhost"],
            &[
                [127, 0, 0, 1].into(),
                IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ],
        )?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Never the process's default provider: the program may have installed none, or two.
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| {
                    builder
                        .with_no_client_auth()
                        .with_single_cert(vec![certificate.der().clone()], key)
                })
                .map_err(Error::crypto("set up TLS"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn issue(
        &self,
        names: &[&str],
        addresses: &[IpAddr],
    ) -> Result<(rcgen::Certificate, KeyPair), Error> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)
            .map_err(Error::crypto("put the server's name in a certificate"))?;
        params
            .subject_alt_names
            .extend(addresses.iter().copied().map(SanType::IpAddress));
        params
            .distinguished_name
            .push(DnType::CommonName, "entra-pg emulator");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(Error::crypto("generate a server's key"))?;
        let certificate = params
            .signed_by(&key, &self.0)
            .map_err(Error::crypto("sign a server's certificate"))?;
        Ok((certificate, key))
    }
}
