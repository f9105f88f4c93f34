//! What is wrong with a server's certificate, and what to do about it. Pure.
//!
//! rustls reports it with object ids, Rust's names and all that it supports; here it is one short line.

use std::{
    net::IpAddr,
    path::Path,
    time::{Duration, SystemTime},
};

use azure_core::time::to_rfc3339;
use entra_pg_rustls::rustls::{
    CertificateError, ExtendedKeyPurpose,
    pki_types::{ServerName, UnixTime},
};

/// How many of a certificate's names are listed. Azure's have six.
const LISTED: usize = 6;

const WRONG_NAME: &str = "use a name that the certificate holds as the host in the URL: an address or an alias cannot be verified";
const NO_NAME: &str =
    "issue a certificate that holds the host's name as a subject alternative name (DNS)";
const NO_ROOT: &str = "install or update the platform's roots (Debian: ca-certificates), or name the file with the server's root in \
                       sslrootcert; if a proxy in between replaces certificates, ask its administrator: it could read the token";
const SELF_SIGNED: &str = "issue a certificate for the server itself, with CA:FALSE, and name the file with its root in sslrootcert; if \
                           this is to be an Azure server, something in between replaces its certificate";
const CLOCK: &str = "check this machine's clock; if it is right, renew the server's certificate";
const REPLACE: &str = "replace the server's certificate";
const SIGNATURE: &str = "replace the certificate with one that is signed by RSA or ECDSA (P-256, P-384) with SHA-256 or better";
const CHAIN: &str = "correct the chain of certificates that the server presents";

/// What is wrong, after "its certificate", and what to do.
pub(super) fn certificate_fault(
    error: &CertificateError,
    roots: Option<&Path>,
) -> (String, String) {
    use CertificateError as E;
    let (what, hint) = match error {
        E::NotValidForNameContext {
            expected,
            presented,
        } => return wrong_name(expected, presented),
        E::NotValidForName => ("is for another name".into(), WRONG_NAME),
        E::UnknownIssuer => {
            let what = "was issued by an authority that is not trusted";
            return (what.into(), no_root(roots));
        }
        // A root of the same name with another key makes the signature look bad. ring takes no RSA key of fewer than 2048 bits.
        E::BadSignature => {
            let what = "has a signature that does not verify: the trusted root of that name has another key, or its RSA key has fewer \
                        than 2048 bits";
            return (what.into(), no_root(roots));
        }
        E::Expired => ("has expired, by this machine's clock".into(), CLOCK),
        E::ExpiredContext { not_after, .. } => {
            let date = date(*not_after);
            (format!("expired on {date}, by this machine's clock"), CLOCK)
        }
        E::NotValidYet => ("is not valid yet, by this machine's clock".into(), CLOCK),
        E::NotValidYetContext { not_before, .. } => {
            let date = date(*not_before);
            (
                format!("is not valid before {date}, by this machine's clock"),
                CLOCK,
            )
        }
        E::Revoked => ("was revoked".into(), REPLACE),
        E::UnhandledCriticalExtension => (
            "holds a critical extension that is not known here".into(),
            REPLACE,
        ),
        E::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id,
            ..
        }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            ..
        } => {
            let algorithm = algorithm(signature_algorithm_id);
            let what =
                format!("or one of its chain is signed with {algorithm}, which is not accepted");
            (what, SIGNATURE)
        }
        E::InvalidPurpose => ("is not for servers".into(), REPLACE),
        E::InvalidPurposeContext { presented, .. } => {
            let purposes = purposes(presented);
            (
                format!("is not for servers, but for {purposes} (extended key usage)"),
                REPLACE,
            )
        }
        E::BadEncoding => ("is damaged".into(), REPLACE),
        E::Other(other) => other_fault(&other.to_string()),
        // One of rustls's names, or a later version's text.
        other => (
            format!("was not accepted: {}", first_words(&other.to_string())),
            REPLACE,
        ),
    };
    (what, hint.to_owned())
}

fn no_root(roots: Option<&Path>) -> String {
    roots.map_or_else(
        || NO_ROOT.to_owned(),
        |file| {
            format!(
                "{} does not contain its root; Azure's servers need no sslrootcert: remove it from the URL, and PGSSLROOTCERT from the \
                 environment",
                file.display()
            )
        },
    )
}

/// rustls lists names as `DnsName("…")` and `IpAddress(…)`.
fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> (String, String) {
    let host = expected.to_str();
    let names: Vec<_> = presented
        .iter()
        .filter_map(|name| name.strip_prefix("DnsName(\"")?.strip_suffix("\")"))
        .collect();
    let addresses: Vec<_> = presented
        .iter()
        .filter_map(|name| name.strip_prefix("IpAddress(")?.strip_suffix(')'))
        .filter(|address| address.parse::<IpAddr>().is_ok())
        .collect();
    let all = [names, addresses.clone()].concat();
    if all.is_empty() {
        let what = format!(
            "holds no name of a host (a common name does not count), so it is not for {host}"
        );
        return (what, NO_NAME.into());
    }
    let only = if all.len() == addresses.len() {
        " only"
    } else {
        ""
    };
    let mut listed = all
        .iter()
        .take(LISTED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more @ 1..) = all.len().checked_sub(LISTED) {
        listed = format!("{listed} and {more} more");
    }
    (
        format!("is{only} for {listed}, not for {host}"),
        WRONG_NAME.into(),
    )
}

fn purposes(presented: &[ExtendedKeyPurpose]) -> String {
    let names = presented.iter().take(LISTED).map(|purpose| match purpose {
        ExtendedKeyPurpose::ClientAuth => "clients".to_owned(),
        ExtendedKeyPurpose::ServerAuth => "servers".to_owned(),
        ExtendedKeyPurpose::Other(_) => "another purpose".to_owned(),
    });
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return "nothing".into();
    }
    names.join(" and ")
}

/// By the name that webpki gives it.
fn other_fault(name: &str) -> (String, &'static str) {
    let (what, hint) = match first_words(name) {
        "CaUsedAsEndEntity" => (
            "is an authority's own, as a self-signed one mostly is, and not a server's",
            SELF_SIGNED,
        ),
        "EndEntityUsedAsCa" => ("was issued by a certificate that is no authority's", CHAIN),
        "PathLenConstraintViolated" | "NameConstraintViolation" => {
            ("was issued by an authority that may not issue it", CHAIN)
        }
        "MaximumPathDepthExceeded"
        | "MaximumPathBuildCallsExceeded"
        | "MaximumSignatureChecksExceeded"
        | "MaximumNameConstraintComparisonsExceeded" => {
            ("comes with a chain that is too long", CHAIN)
        }
        "UnsupportedCriticalExtension" => {
            ("holds a critical extension that is not known here", REPLACE)
        }
        "UnsupportedCertVersion" => (
            "is of an old version (X.509 version 1), which holds no name",
            NO_NAME,
        ),
        "CertDistrusted" => (
            "was issued by an authority that is no longer trusted",
            REPLACE,
        ),
        "BadDer"
        | "BadDerTime"
        | "InvalidCertValidity"
        | "InvalidSerialNumber"
        | "ExtensionValueInvalid"
        | "MalformedExtensions"
        | "MalformedDnsIdentifier"
        | "MalformedNameConstraint"
        | "EmptyEkuExtension"
        | "SignatureAlgorithmMismatch"
        | "InvalidNetworkMaskConstraint" => ("is damaged", REPLACE),
        other => return (format!("was not accepted: {other}"), REPLACE),
    };
    (what.into(), hint)
}

/// An error's name, without the data of Rust's `Debug` that follows it.
fn first_words(text: &str) -> &str {
    let end = text.find(['(', '{', '[']).unwrap_or(text.len());
    let text = text[..end].trim_end();
    text.char_indices()
        .nth(100)
        .map_or(text, |(cut, _)| &text[..cut])
}

/// The last second that RFC 3339 can write.
const LAST: u64 = 253_402_300_799;

fn date(time: UnixTime) -> String {
    if time.as_secs() > LAST {
        return "a day after the year 9999".into();
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    let text = to_rfc3339(&time.into());
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Object ids as certificates encode them: <https://www.rfc-editor.org/rfc/rfc3279> and <https://www.rfc-editor.org/rfc/rfc5758>.
const ALGORITHMS: &[(&[u8], &str)] = &[
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "MD5"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "SHA-1"),
    (b"\x2a\x86\x48\xce\x3d\x04\x01", "SHA-1"),
    (b"\x2a\x86\x48\xce\x38\x04\x03", "SHA-1"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "ECDSA and SHA-512"),
    (b"\x2a\x86\x48\xce\x38\x04", "DSA"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x03", "DSA"),
    (b"\x2b\x65\x71", "Ed448"),
];

fn algorithm(id: &[u8]) -> &'static str {
    let known = ALGORITHMS
        .iter()
        .find(|(known, _)| id.windows(known.len()).any(|part| part == *known));
    known.map_or("an algorithm", |(_, name)| name)
}

#[cfg(test)]
#[path = "certificate_fault_tests.rs"]
mod tests;
