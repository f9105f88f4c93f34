use std::{io, sync::Arc, time::Duration};

use entra_pg_rustls::rustls::{
    OtherError, client::danger::ServerCertVerifier as _, crypto::ring, pki_types::CertificateDer,
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
};
use rstest::rstest;

use super::*;

fn context(expected: &str, presented: &[&str]) -> CertificateError {
    CertificateError::NotValidForNameContext {
        expected: ServerName::try_from(expected.to_owned()).expect("a name"),
        presented: presented.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn signed_with(id: &[u8]) -> CertificateError {
    let supported = ring::default_provider().signature_verification_algorithms;
    let supported = supported.all.iter().map(|one| one.signature_alg_id());
    CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: id.to_vec(),
        supported_algorithms: supported.collect(),
    }
}

fn other(name: &str) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(io::Error::other(name.to_owned()))))
}

const SHA1_WITH_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00";

#[rstest]
#[case::another_name(context("a.example", &["DnsName(\"b.example\")"]), "is for b.example, not for a.example", "as the host in the URL")]
#[case::a_common_name_only(context("localhost", &[]), "no name of a host (a common name does not count), so it is not for localhost", "subject alternative name")]
#[case::an_address_only(context("localhost", &["IpAddress(127.0.0.1)", "IpAddress(::1)"]), "is only for 127.0.0.1, ::1, not for localhost", "as the host in the URL")]
#[case::an_address_is_wanted(context("10.0.0.1", &["DnsName(\"a.example\")"]), "is for a.example, not for 10.0.0.1", "an address")]
#[case::a_mail_address_only(context("localhost", &["Unsupported(0x81)"]), "no name of a host", "subject alternative name")]
#[case::sha1(
    signed_with(SHA1_WITH_RSA),
    "signed with SHA-1, which is not accepted",
    "SHA-256"
)]
#[case::ecdsa_with_sha1(
    signed_with(b"\x2a\x86\x48\xce\x3d\x04\x01"),
    "signed with SHA-1",
    "SHA-256"
)]
#[case::md5(
    signed_with(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"),
    "signed with MD5",
    "SHA-256"
)]
#[case::p521(
    signed_with(b"\x2a\x86\x48\xce\x3d\x04\x03\x04"),
    "signed with ECDSA and SHA-512",
    "P-384"
)]
#[case::unknown(signed_with(b"\x01\x02"), "signed with an algorithm, which", "P-384")]
#[case::expired(CertificateError::ExpiredContext { time: UnixTime::since_unix_epoch(Duration::from_secs(9)), not_after: UnixTime::since_unix_epoch(Duration::from_secs(86_400)) }, "expired on 1970-01-02", "clock")]
#[case::of_no_year(CertificateError::ExpiredContext { time: UnixTime::since_unix_epoch(Duration::from_secs(9)), not_after: UnixTime::since_unix_epoch(Duration::MAX) }, "after the year 9999", "clock")]
#[case::from_the_future(CertificateError::NotValidYetContext { time: UnixTime::since_unix_epoch(Duration::ZERO), not_before: UnixTime::since_unix_epoch(Duration::from_secs(86_400)) }, "not valid before 1970-01-02", "clock")]
#[case::unknown_issuer(
    CertificateError::UnknownIssuer,
    "authority that is not trusted",
    "ca-certificates"
)]
#[case::another_key(CertificateError::BadSignature, "fewer than 2048 bits", "sslrootcert")]
#[case::revoked(CertificateError::Revoked, "revoked", "replace")]
#[case::critical(
    CertificateError::UnhandledCriticalExtension,
    "critical extension",
    "replace"
)]
#[case::a_clients(CertificateError::InvalidPurposeContext { required: ExtendedKeyPurpose::ServerAuth, presented: vec![ExtendedKeyPurpose::ClientAuth] }, "not for servers, but for clients", "replace")]
#[case::for_nothing(CertificateError::InvalidPurposeContext { required: ExtendedKeyPurpose::ServerAuth, presented: vec![] }, "but for nothing", "replace")]
#[case::damaged(CertificateError::BadEncoding, "is damaged", "replace")]
#[case::self_signed(
    other("CaUsedAsEndEntity"),
    "authority's own, as a self-signed one",
    "CA:FALSE"
)]
#[case::old(
    other("UnsupportedCertVersion"),
    "version 1",
    "subject alternative name"
)]
#[case::long_chain(other("MaximumPathDepthExceeded"), "too long", "chain")]
#[case::constrained(other("NameConstraintViolation"), "may not issue it", "chain")]
#[case::trailing(
    other("TrailingData(Certificate)"),
    "was not accepted: TrailingData",
    "replace"
)]
#[case::later(other(&"é".repeat(5_000)), "was not accepted", "replace")]
fn each_fault_has_its_cause_and_cure(
    #[case] error: CertificateError,
    #[case] cause: &str,
    #[case] cure: &str,
) {
    let (what, hint) = certificate_fault(&error, None);
    assert!(what.contains(cause), "{what}");
    assert!(hint.contains(cure), "{hint}");
    let line = format!("{what} ({hint})");
    assert!(line.chars().count() < 400 && !line.contains('{'), "{line}");
}

#[test]
fn a_certificate_for_a_hundred_names_is_one_short_line() {
    let names: Vec<_> = (0..100)
        .map(|number| format!("DnsName(\"h{number}.example\")"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (what, _) = certificate_fault(&context("a.example", &names), None);
    assert!(
        what.contains("h5.example and 94 more, not for a.example"),
        "{what}"
    );
}

#[test]
fn a_file_without_the_root_is_named() {
    let (_, hint) = certificate_fault(
        &CertificateError::UnknownIssuer,
        Some(Path::new("/a/root.pem")),
    );
    assert!(
        hint.starts_with("/a/root.pem does not contain its root"),
        "{hint}"
    );
}

/// The certificate of a server, as a verifier of ours takes it that trusts `root`.
fn verified(certificate: &CertificateDer<'_>, root: &CertificateDer<'_>) -> Option<String> {
    let config = entra_pg_rustls::client_config([root.as_ref()]);
    let mut roots = entra_pg_rustls::rustls::RootCertStore::empty();
    roots.add_parsable_certificates([root.clone().into_owned()]);
    let verifier = entra_pg_rustls::rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots),
        config.crypto_provider().clone(),
    );
    let verifier = verifier.build().expect("a verifier");
    let name = ServerName::try_from("localhost").expect("a name");
    let refused = verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now());
    match refused.err()? {
        entra_pg_rustls::rustls::Error::InvalidCertificate(error) => {
            Some(certificate_fault(&error, None).0)
        }
        other => panic!("{other}"),
    }
}

fn issued(change: impl Fn(&mut CertificateParams)) -> Option<String> {
    let mut authority = CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let root = authority.self_signed(&key).expect("a root");
    let issuer = rcgen::Issuer::new(authority, key);
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    change(&mut parameters);
    let key = KeyPair::generate().expect("a key");
    let certificate = parameters.signed_by(&key, &issuer).expect("a certificate");
    verified(certificate.der(), root.der())
}

/// What rustls and webpki say of real certificates, whose texts may change with their versions.
#[test]
fn real_certificates_are_told_apart() {
    assert_eq!(issued(|_| ()), None);
    let common_name = issued(|parameters| {
        parameters.subject_alt_names.clear();
        parameters.distinguished_name = DistinguishedName::new();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "localhost");
    });
    assert!(common_name.is_some_and(|what| what.contains("common name does not count")));
    let address = issued(|parameters| {
        parameters.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    });
    assert_eq!(
        address.as_deref(),
        Some("is only for 127.0.0.1, not for localhost")
    );
    let client = issued(|parameters| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert!(client.is_some_and(|what| what.contains("but for clients")));
    let expired = issued(|parameters| parameters.not_after = rcgen::date_time_ymd(2020, 1, 2));
    assert!(expired.is_some_and(|what| what.starts_with("expired on 2020-01-02")));
    let future = issued(|parameters| parameters.not_before = rcgen::date_time_ymd(2999, 1, 2));
    assert!(future.is_some_and(|what| what.starts_with("is not valid before 2999-01-02")));
    let critical = issued(|parameters| {
        let mut extension =
            rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 311, 99, 1], vec![5, 0]);
        extension.set_criticality(true);
        parameters.custom_extensions = vec![extension];
    });
    assert!(critical.is_some_and(|what| what.contains("critical extension")));
    let authority = issued(|parameters| {
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert!(authority.is_some_and(|what| what.contains("authority's own")));
}
