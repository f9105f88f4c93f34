//! What went wrong in TLS, and what to do about it: the same words for all adapters, the proxy and the doctor. Pure.
//!
//! A driver wraps rustls's error; [`rustls_error`] finds it, so that no adapter has words of its own for it.

use std::{error::Error as StdError, io, path::Path};

use entra_pg_rustls::rustls::{self, AlertDescription};

use super::certificate_fault::certificate_fault;
use crate::{Error, ErrorKind};

const OTHER_SERVICE: &str =
    "check the host's name and port: another service, or a proxy in between, answers there";
const VERSIONS: &str = "let the server accept TLS 1.2 or 1.3 (ssl_min_protocol_version, ssl_max_protocol_version); if it does, \
                        something in between answers in its place";
const CIPHERS: &str = "look at the server's log; let it accept TLS 1.2 or 1.3 with usual ciphers, and give it an RSA or ECDSA (P-256, \
                       P-384) certificate";
const SERVERS_LOG: &str = "look at the server's log for the reason, then at any proxy in between";
const CLIENT_CERTIFICATE: &str = "Azure's servers ask for none, and entra-pg has none: check the host; on a server of your own, take \
                                  clientcert out of pg_hba.conf";
pub(super) const NO_ALPN: &str =
    "sslnegotiation=direct needs PostgreSQL 17 or later: leave it out, and PGSSLNEGOTIATION";
const THIS_MACHINE: &str = "correct this machine's clock or its source of random numbers";

/// Finds rustls's error among the causes of a driver's. An I/O error hides what it wraps from `source`.
pub(super) fn rustls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}

/// `roots` is the file of root certificates, if the target names one.
pub(super) fn tls_fault(error: &rustls::Error, roots: Option<&Path>) -> Error {
    use rustls::Error as E;
    let (message, hint) = match error {
        E::InvalidCertificate(error) => {
            let (what, hint) = certificate_fault(error, roots);
            return unverified(&format!("its certificate {what}")).with_hint(hint);
        }
        E::NoCertificatesPresented => {
            return unverified("it presented no certificate").with_hint(SERVERS_LOG);
        }
        E::UnsupportedNameType => {
            return unverified("the host's name is none that a certificate can hold");
        }
        E::AlertReceived(alert) => return refused(*alert),
        not_tls if is_not_tls(not_tls) => (
            "the server's response in the TLS handshake is not TLS, or is damaged".to_owned(),
            OTHER_SERVICE,
        ),
        E::InappropriateHandshakeMessage { .. } | E::PeerMisbehaved(_) | E::DecryptError => (
            "the server breaks the rules of TLS".to_owned(),
            OTHER_SERVICE,
        ),
        E::PeerIncompatible(_) => (
            "the server and this program share no TLS version or cipher".to_owned(),
            VERSIONS,
        ),
        E::NoApplicationProtocol => (
            "the server does not know PostgreSQL's protocol in the TLS handshake".to_owned(),
            NO_ALPN,
        ),
        E::FailedToGetCurrentTime | E::FailedToGetRandomBytes => (
            "this machine has no time or no random numbers for TLS".to_owned(),
            THIS_MACHINE,
        ),
        other => (
            format!("the TLS handshake failed: {}", short(other)),
            SERVERS_LOG,
        ),
    };
    Error::new(ErrorKind::Tls, message).with_hint(hint)
}

/// Returns `true` if what the server sent is no TLS.
pub(super) fn is_not_tls(error: &rustls::Error) -> bool {
    use rustls::Error as E;
    matches!(
        error,
        E::InvalidMessage(_) | E::InappropriateMessage { .. } | E::PeerSentOversizedRecord
    )
}

pub(super) fn unverified(reason: &str) -> Error {
    Error::new(
        ErrorKind::Tls,
        format!("the server's identity could not be verified: {reason}"),
    )
}

/// The server's reason for ending the handshake: <https://www.rfc-editor.org/rfc/rfc8446#section-6.2>
fn refused(alert: AlertDescription) -> Error {
    use AlertDescription as A;
    let (what, hint) = match alert {
        A::HandshakeFailure | A::InsufficientSecurity => (
            "it shares no cipher or kind of key with this program",
            CIPHERS,
        ),
        A::ProtocolVersion | A::InappropriateFallback => {
            ("it shares no TLS version with this program", VERSIONS)
        }
        A::InternalError => ("it has an internal error", SERVERS_LOG),
        A::UnrecognisedName => (
            "it does not know the host's name",
            "use the server's own name in the URL, not an alias",
        ),
        A::CertificateRequired
        | A::NoCertificate
        | A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::CertificateUnobtainable
        | A::UnknownCA => ("it wants a certificate of this program", CLIENT_CERTIFICATE),
        A::AccessDenied => ("it denies access", SERVERS_LOG),
        A::NoApplicationProtocol => (
            "it does not know PostgreSQL's protocol in the TLS handshake",
            NO_ALPN,
        ),
        A::CloseNotify | A::UserCanceled => ("it ended the handshake", SERVERS_LOG),
        _ => (
            "it takes what this program sent for damaged or unknown",
            SERVERS_LOG,
        ),
    };
    let number = u8::from(alert);
    Error::new(
        ErrorKind::Tls,
        format!("the server refused the TLS handshake: {what} (alert {number})"),
    )
    .with_hint(hint)
}

/// A later version of rustls may have longer texts.
fn short(error: &rustls::Error) -> String {
    error.to_string().chars().take(100).collect()
}

#[cfg(test)]
#[path = "tls_fault_tests.rs"]
mod tests;
