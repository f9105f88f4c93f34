use std::sync::LazyLock;

use aws_lc_rs::{encoding::AsDer, rsa};
use azure_core::time::Duration;
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use rstest::rstest;

use super::*;

/// Valid from 2020 to 2120.
pub(in crate::credential) struct Pem {
    pub(in crate::credential) key: String,
    pub(in crate::credential) certificate: String,
}

fn signed_by(key: &KeyPair) -> Pem {
    let mut parameters = CertificateParams::default();
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2120, 1, 1);
    let certificate = parameters.self_signed(key).expect("a certificate");
    Pem {
        key: key.serialize_pem(),
        certificate: certificate.pem(),
    }
}

fn rsa_key() -> KeyPair {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("its DER");
    let der = der.as_ref().to_vec();
    KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), &PKCS_RSA_SHA256).expect("a key")
}

pub(in crate::credential) static RSA: LazyLock<Pem> = LazyLock::new(|| signed_by(&rsa_key()));
static OTHER: LazyLock<Pem> = LazyLock::new(|| signed_by(&rsa_key()));
static EC: LazyLock<Pem> = LazyLock::new(|| signed_by(&KeyPair::generate().expect("a key")));

fn in_2026() -> OffsetDateTime {
    azure_core::time::parse_rfc3339("2026-06-01T00:00:00Z").expect("a date")
}

fn parsed(text: &[u8], now: OffsetDateTime) -> Result<CertificateFile, Error> {
    CertificateFile::parse("/app.pem", text, now)
}

/// The same key as older tools write it: PKCS #1 is what PKCS #8 wraps.
fn pkcs1() -> String {
    let body: String = RSA
        .key
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    let pkcs8 = BASE64_STANDARD.decode(body).expect("base64");
    let pkcs1 = BASE64_STANDARD.encode(&pkcs8[26..]);
    format!("-----BEGIN RSA PRIVATE KEY-----\n{pkcs1}\n-----END RSA PRIVATE KEY-----\n")
}

#[test]
fn key_and_certificate_are_found_in_any_order_and_among_others() {
    let (key, certificate, other) = (&RSA.key, &RSA.certificate, &OTHER.certificate);
    for text in [
        format!("{certificate}{key}"),
        format!("{key}{certificate}"),
        format!("Bag Attributes\n  friendlyName: app\n{key}{other}{certificate}"),
        format!("{}{certificate}", pkcs1()),
    ] {
        let found = parsed(text.as_bytes(), in_2026()).expect("it can be used");
        let first = text.find(other.as_str());
        assert_eq!(found.chain.len(), usize::from(first.is_some()));
        let signature = found.key.sign(b"message").expect("a signature");
        let key = found.key.public_key().expect("a key").as_ref().to_vec();
        assert_eq!(
            Certificate::read(&found.certificate)
                .expect("one")
                .public_key,
            key
        );
        assert_eq!(signature.len(), 256);
        assert_eq!(format!("{:?}", found.key), "RsaSigningKey");
    }
}

#[rstest]
#[case::no_key(RSA.certificate.clone(), "holds no private key", ">> /app.pem")]
#[case::no_certificate(RSA.key.clone(), "holds no certificate", "openssl x509 -in")]
#[case::another_key(format!("{}{}", OTHER.key, RSA.certificate), "of another certificate", "openssl pkey -in /app.pem -pubout")]
#[case::elliptic_curve(format!("{}{}", EC.key, EC.certificate), "it is not an RSA key", "rsa:2048")]
#[case::encrypted(format!("{}-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----", RSA.certificate),
    "holds an encrypted private key", "openssl pkey -in /app.pem")]
#[case::encrypted_of_old("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMII\n-----END RSA PRIVATE KEY-----".into(),
    "holds an encrypted private key", "openssl pkey -in /app.pem")]
#[case::damaged(RSA.certificate.replace('\n', "?\n"), "is not valid PEM", "openssl pkcs12")]
#[case::damaged_key(format!("{}-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", RSA.certificate),
    "a private key that cannot be used", "openssl req")]
#[case::pfx_in_base64("MIIKUAIBAzCC".into(), "is not valid PEM", "base64 -d /app.pem | openssl pkcs12")]
#[case::html("<html>Please sign in</html>".into(), "is not valid PEM", "BEGIN CERTIFICATE")]
#[case::empty(String::new(), "is not valid PEM", "BEGIN CERTIFICATE")]
fn a_file_that_cannot_be_used_is_named_with_the_line_that_mends_it(
    #[case] text: String,
    #[case] cause: &str,
    #[case] cure: &str,
) {
    let error = parsed(text.as_bytes(), in_2026()).expect_err("it cannot be used");
    assert!(error.message().contains(cause), "{error}");
    assert!(
        error
            .message()
            .contains("/app.pem (AZURE_CLIENT_CERTIFICATE_PATH)"),
        "{error}"
    );
    assert!(error.hint().contains(cure), "{error}");
}

#[test]
fn a_pfx_file_is_named_with_the_line_that_converts_it() {
    let error = parsed(&[0x30, 0x80 + 1, 3, 2, 1, 3], in_2026()).expect_err("a PFX file");
    assert!(error.message().contains("is a PFX file"), "{error}");
    let cure = "openssl pkcs12 -in /app.pem -nodes -out";
    assert!(error.hint().contains(cure), "{error}");
}

#[test]
fn a_certificate_is_used_within_its_dates_only() {
    let text = format!("{}{}", RSA.certificate, RSA.key);
    let at = |days| parsed(text.as_bytes(), in_2026() + Duration::days(days)).map(|_| ());
    assert!(at(0).is_ok());
    let expired = at(36_500).expect_err("expired");
    assert!(
        expired.message().contains("expired at 2120-01-01T00:00:00"),
        "{expired}"
    );
    assert!(
        expired
            .hint()
            .contains("openssl x509 -in /app.pem -noout -dates"),
        "{expired}"
    );
    let early = at(-3650).expect_err("not yet valid");
    assert!(
        early.message().contains("is valid only from 2020-01-01"),
        "{early}"
    );
    assert!(early.hint().contains("clock"), "{early}");
}

/// What the emulator does, too: another library checks the signature.
pub(in crate::credential) fn verify(certificate: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA256};
    let key = Certificate::read(certificate)
        .expect("a certificate")
        .public_key;
    let key = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).expect("a key");
    key.verify_sig(message, signature).is_ok()
}
