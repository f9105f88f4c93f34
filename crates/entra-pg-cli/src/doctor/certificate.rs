//! Reads a server's certificate, also one that was not accepted.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use entra_pg_core::{Error, RootCertificates};
use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_cert::der::Decode;

/// Azure renews its servers' certificates months before they expire.
const SOON: Duration = Duration::from_secs(14 * 86_400);

#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) issuer: String,
    pub(super) not_after: SystemTime,
}

impl Certificate {
    pub(super) fn read(der: &CertificateDer) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate;
        Some(Self {
            issuer: certificate.issuer.to_string(),
            not_after: certificate.validity.not_after.to_system_time(),
        })
    }

    pub(super) fn expires_on(&self) -> String {
        Timestamp::try_from(self.not_after)
            .map_or_else(|_| "never".into(), |time| time.strftime("%F").to_string())
    }

    pub(super) fn note(&self, now: SystemTime) -> Option<String> {
        (self.not_after < now + SOON)
            .then(|| format!("the server's certificate expires on {}", self.expires_on()))
    }
}

/// The certificate that the observer has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<Option<Certificate>>>);

impl Seen {
    pub(super) fn take(&self) -> Option<Certificate> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Certificate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a configuration with which no handshake succeeds: it reads the server's certificate and always refuses it.
pub(super) fn observer(roots: &RootCertificates) -> Result<(Arc<ClientConfig>, Seen), Error> {
    let seen = Seen::default();
    let mut config = (*entra_pg_rustls::client_config(roots.to_der()?)).clone();
    let schemes = config
        .crypto_provider()
        .signature_verification_algorithms
        .supported_schemes();
    let observer = Observer {
        seen: seen.clone(),
        schemes,
    };
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(observer));
    Ok((Arc::new(config), seen))
}

#[derive(Debug)]
struct Observer {
    seen: Seen,
    schemes: Vec<SignatureScheme>,
}

impl Observer {
    fn refuse<T>() -> Result<T, rustls::Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.seen.lock() = Certificate::read(certificate);
        Self::refuse()
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse()
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse()
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_and_its_end_is_not_overlooked() {
        let mut parameters =
            rcgen::CertificateParams::new(vec!["a.example".to_owned()]).expect("names");
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 2);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let read = Certificate::read(certificate.der()).expect("is read");
        assert_eq!(read.expires_on(), "2030-01-02");
        assert!(read.issuer.contains("rcgen"), "{}", read.issuer);
        assert_eq!(read.note(read.not_after - 2 * SOON), None);
        assert!(read.note(read.not_after - SOON / 2).is_some());
    }
}
