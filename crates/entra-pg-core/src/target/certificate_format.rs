//! What a file is that should hold certificates in PEM, and does not. Told by its first bytes; nothing is decoded.

/// What the bytes are, and the command that makes PEM of them, without the names of its files.
pub(super) fn recognise(bytes: &[u8]) -> Option<(&'static str, Option<&'static str>)> {
    text(bytes).or_else(|| der(bytes))
}

fn text(bytes: &[u8]) -> Option<(&'static str, Option<&'static str>)> {
    let text = String::from_utf8_lossy(bytes);
    let holds = |marker: &str| text.contains(&format!("-----BEGIN {marker}-----"));
    if holds("PKCS7") || holds("CMS") {
        Some(("a PKCS#7 file", Some("openssl pkcs7 -print_certs")))
    } else if holds("TRUSTED CERTIFICATE") || holds("X509 CERTIFICATE") {
        Some(("a certificate with another heading", Some("openssl x509")))
    } else if holds("CERTIFICATE REQUEST") || holds("NEW CERTIFICATE REQUEST") {
        Some(("a request for a certificate", None))
    } else if text.contains("PRIVATE KEY-----") {
        Some(("a private key", None))
    } else if text.trim_start().starts_with('<') {
        Some(("a web page", None))
    } else if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        Some(("UTF-16 text", Some("iconv -f utf-16 -t utf-8")))
    } else {
        None
    }
}

/// By the ASN.1: a sequence of what?
fn der(bytes: &[u8]) -> Option<(&'static str, Option<&'static str>)> {
    const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    let inside = sequence(bytes)?;
    if inside.starts_with(SIGNED_DATA) {
        Some((
            "a PKCS#7 file in DER",
            Some("openssl pkcs7 -inform der -print_certs"),
        ))
    } else if inside.starts_with(b"\x02\x01\x03") {
        Some((
            "a PFX (PKCS#12) file",
            Some("openssl pkcs12 -cacerts -nokeys"),
        ))
    } else if inside.starts_with(b"\x02\x01\x00") || inside.starts_with(b"\x02\x01\x01") {
        Some(("a private key in DER", None))
    } else if sequence(inside).is_some() {
        Some(("a certificate in DER", Some("openssl x509 -inform der")))
    } else {
        None
    }
}

/// What a sequence holds, if one begins here.
fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x30, 0x81, _, rest @ ..]
        | [0x30, 0x82, _, _, rest @ ..]
        | [0x30, 0x83, _, _, _, rest @ ..] => Some(rest),
        [0x30, length, rest @ ..] if *length < 0x80 => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate")
    }

    #[test]
    fn a_certificate_and_a_key_in_der_are_told_apart() {
        let made = certificate();
        let (what, command) = recognise(made.cert.der()).expect("it is known");
        assert_eq!(
            (what, command),
            ("a certificate in DER", Some("openssl x509 -inform der"))
        );
        let (what, _) = recognise(made.signing_key.serialized_der()).expect("it is known");
        assert_eq!(what, "a private key in DER");
        let (what, _) =
            recognise(made.signing_key.serialize_pem().as_bytes()).expect("it is known");
        assert_eq!(what, "a private key");
    }

    #[rstest]
    #[case(b"-----BEGIN PKCS7-----\nAA==\n-----END PKCS7-----", "a PKCS#7 file")]
    #[case(
        b"-----BEGIN TRUSTED CERTIFICATE-----\n",
        "a certificate with another heading"
    )]
    #[case(
        b"-----BEGIN CERTIFICATE REQUEST-----\n",
        "a request for a certificate"
    )]
    #[case(b"-----BEGIN RSA PRIVATE KEY-----\n", "a private key")]
    #[case(b"\n<!DOCTYPE html>", "a web page")]
    #[case(b"\xff\xfe-\0-\0", "UTF-16 text")]
    #[case(
        b"\x30\x82\x01\x02\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0",
        "a PKCS#7 file in DER"
    )]
    #[case(b"\x30\x82\x0a\x0b\x02\x01\x03\x30", "a PFX (PKCS#12) file")]
    fn other_formats_are_named(#[case] bytes: &[u8], #[case] what: &str) {
        assert_eq!(recognise(bytes).map(|(what, _)| what), Some(what));
    }

    #[rstest]
    #[case(b"")]
    #[case(b"\x30")]
    #[case(b"\x30\x82")]
    #[case(b"\x30\x03\x02\x01\x07")]
    #[case(b"hello")]
    fn nothing_is_guessed(#[case] bytes: &[u8]) {
        assert_eq!(recognise(bytes), None);
    }
}
