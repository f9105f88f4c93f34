//! The file of a client certificate: PEM, with the private key. What cannot be used is named, with the `openssl` line that
//! mends it. No message holds anything of the key.

use azure_core::time::{OffsetDateTime, to_rfc3339};
use entra_pg_rustls::RsaSigningKey;
use rustls_pki_types::{
    PrivateKeyDer,
    pem::{PemObject, SectionKind},
};

use super::x509::{Certificate, is_pfx};
use crate::{Error, ErrorKind};

pub(super) const VARIABLE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";

/// A certificate that is valid now, and its key.
#[derive(Debug)]
pub(super) struct CertificateFile {
    pub(super) key: RsaSigningKey,
    pub(super) certificate: Vec<u8>,
    /// What else the file holds, mostly the certificates of who signed it.
    pub(super) chain: Vec<Vec<u8>>,
}

impl CertificateFile {
    pub(super) fn parse_now(path: &str, bytes: &[u8]) -> Result<Self, Error> {
        Self::parse(path, bytes, OffsetDateTime::now_utc())
    }

    fn parse(path: &str, bytes: &[u8], now: OffsetDateTime) -> Result<Self, Error> {
        let (mut certificates, key) = sections(path, bytes)?;
        let key = key.ok_or_else(|| {
            none(&format!("{path} (AZURE_CLIENT_CERTIFICATE_PATH) holds no private key")).with_hint(format!(
                "append it: openssl pkey -in KEY.pem >> {path}; from a PFX file: openssl pkcs12 -in FILE.pfx -nodes -out {path}"
            ))
        })?;
        let key = RsaSigningKey::from_der(&key).map_err(|error| {
            none(&format!(
                "{path} (AZURE_CLIENT_CERTIFICATE_PATH) holds a private key that cannot be used: {error}"
            ))
            .with_hint(
                "Entra takes RSA keys, of 2048 bits or more: openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=app -days 365 \
                 -keyout KEY.pem -out CERTIFICATE.pem",
            )
        })?;
        if certificates.is_empty() {
            return Err(none(&format!(
                "{path} (AZURE_CLIENT_CERTIFICATE_PATH) holds no certificate"
            ))
            .with_hint(format!(
                "append it: openssl x509 -in CERTIFICATE.pem >> {path}"
            )));
        }
        let of_key = |der: &Vec<u8>| {
            let certificate = Certificate::read(der);
            certificate.is_some_and(|found| {
                key.public_key()
                    .is_some_and(|key| key.as_ref() == found.public_key)
            })
        };
        let Some(position) = certificates.iter().position(of_key) else {
            return Err(none(&format!(
                "{path} (AZURE_CLIENT_CERTIFICATE_PATH) holds a private key of another certificate"
            ))
            .with_hint(format!(
                "these must print the same: openssl pkey -in {path} -pubout, and openssl x509 -in {path} -noout -pubkey"
            )));
        };
        let certificate = certificates.remove(position);
        check_validity(path, &certificate, now)?;
        Ok(Self {
            key,
            certificate,
            chain: certificates,
        })
    }
}

type Sections = (Vec<Vec<u8>>, Option<PrivateKeyDer<'static>>);

fn sections(path: &str, bytes: &[u8]) -> Result<Sections, Error> {
    if is_pfx(bytes) {
        return Err(none(&format!("{path} (AZURE_CLIENT_CERTIFICATE_PATH) is a PFX file")).with_hint(format!(
            "convert it to PEM: openssl pkcs12 -in {path} -nodes -out CERTIFICATE.pem, and set {VARIABLE} to that"
        )));
    }
    let encrypted = [
        &b"BEGIN ENCRYPTED PRIVATE KEY"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ];
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|found| found == text);
    if encrypted.into_iter().any(holds) {
        return Err(
            none(&format!("{path} (AZURE_CLIENT_CERTIFICATE_PATH) holds an encrypted private key")).with_hint(format!(
                "write one without a password: (openssl pkey -in {path}; openssl x509 -in {path}) > CERTIFICATE.pem, and set \
                 {VARIABLE} to that"
            )),
        );
    }
    let (mut certificates, mut key) = (Vec::new(), None);
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = section.map_err(|_| no_pem(path))?;
        match kind {
            SectionKind::Certificate => certificates.push(der),
            _ => key = key.or(PrivateKeyDer::from_pem(kind, der)),
        }
    }
    if certificates.is_empty() && key.is_none() {
        return Err(no_pem(path));
    }
    Ok((certificates, key))
}

fn no_pem(path: &str) -> Error {
    none(&format!("{path} (AZURE_CLIENT_CERTIFICATE_PATH) is not valid PEM")).with_hint(format!(
        "it must hold BEGIN CERTIFICATE and BEGIN PRIVATE KEY; a secret of Key Vault is a PFX file in base64: base64 -d {path} | \
         openssl pkcs12 -nodes -passin pass: -out CERTIFICATE.pem"
    ))
}

fn check_validity(path: &str, der: &[u8], now: OffsetDateTime) -> Result<(), Error> {
    let Some(Certificate {
        not_before,
        not_after,
        ..
    }) = Certificate::read(der)
    else {
        return Err(no_pem(path));
    };
    if now > not_after {
        return Err(none(&format!(
            "the certificate in {path} (AZURE_CLIENT_CERTIFICATE_PATH) expired at {}",
            to_rfc3339(&not_after)
        ))
        .with_hint(format!(
            "check it by openssl x509 -in {path} -noout -dates, and replace it; az ad app credential reset --create-cert --append \
             makes a new one"
        )));
    }
    if now < not_before {
        return Err(none(&format!(
            "the certificate in {path} (AZURE_CLIENT_CERTIFICATE_PATH) is valid only from {}",
            to_rfc3339(&not_before)
        ))
        .with_hint(format!(
            "set this machine's clock, or check the certificate by openssl x509 -in {path} -noout -dates"
        )));
    }
    Ok(())
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

#[cfg(test)]
#[path = "certificate_file_tests.rs"]
pub(super) mod tests;
