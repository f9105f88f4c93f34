use std::sync::Arc;

use entra_pg_rustls::rustls::{
    CertificateError, InvalidMessage, OtherError, PeerIncompatible, PeerMisbehaved,
};
use rstest::rstest;

use super::*;

/// As tokio-rustls, tokio-postgres and sqlx wrap it.
#[derive(Debug, thiserror::Error)]
#[error("error performing TLS handshake")]
struct Driver(#[source] Box<dyn StdError + Send + Sync>);

#[test]
fn an_error_of_rustls_is_found_however_deep() {
    let expired = || rustls::Error::from(CertificateError::Expired);
    let io = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let errors: [Box<dyn StdError>; 5] = [
        Box::new(expired()),
        Box::new(io(expired())),
        Box::new(io::Error::other(io(expired()))),
        Box::new(Driver(Box::new(io(expired())))),
        Box::new(Driver(Box::new(expired()))),
    ];
    for error in errors {
        assert_eq!(rustls_error(&*error), Some(&expired()), "{error:?}");
    }
    assert_eq!(rustls_error(&io::Error::other("TLS")), None);
}

#[rstest]
#[case(40, "shares no cipher or kind of key", "P-256")]
#[case(71, "shares no cipher or kind of key", "TLS 1.2")]
#[case(70, "shares no TLS version", "ssl_min_protocol_version")]
#[case(80, "an internal error", "server's log")]
#[case(112, "does not know the host's name", "own name")]
#[case(116, "wants a certificate", "clientcert")]
#[case(42, "wants a certificate", "clientcert")]
#[case(48, "wants a certificate", "clientcert")]
#[case(120, "does not know PostgreSQL's protocol", "sslnegotiation")]
#[case(49, "denies access", "server's log")]
#[case(0, "ended the handshake", "server's log")]
#[case(90, "ended the handshake", "server's log")]
#[case(10, "damaged or unknown", "server's log")]
#[case(47, "damaged or unknown", "server's log")]
#[case(50, "damaged or unknown", "server's log")]
#[case(109, "damaged or unknown", "server's log")]
#[case(200, "damaged or unknown", "server's log")]
fn each_alert_is_named(#[case] number: u8, #[case] cause: &str, #[case] cure: &str) {
    let error = tls_fault(&rustls::Error::AlertReceived(number.into()), None);
    check(&error, cause, cure);
    let alert = format!("(alert {number})");
    assert!(error.message().contains(&alert), "{error}");
}

#[rstest]
#[case(
    rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
    "is not TLS",
    "another service"
)]
#[case(
    rustls::Error::PeerSentOversizedRecord,
    "is not TLS",
    "another service"
)]
#[case(PeerMisbehaved::TooManyEmptyFragments.into(), "breaks the rules of TLS", "another service")]
#[case(
    rustls::Error::DecryptError,
    "breaks the rules of TLS",
    "another service"
)]
#[case(PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), "share no TLS version", "ssl_min_protocol_version")]
#[case(
    rustls::Error::NoCertificatesPresented,
    "presented no certificate",
    "server's log"
)]
#[case(
    rustls::Error::NoApplicationProtocol,
    "does not know PostgreSQL's protocol",
    "sslnegotiation"
)]
#[case(rustls::Error::FailedToGetCurrentTime, "no time", "clock")]
#[case(rustls::Error::General("x".repeat(5_000)), "the TLS handshake failed: unexpected error: xx", "server's log")]
#[case(
    rustls::Error::Other(OtherError(Arc::new(io::Error::other("odd")))),
    "the TLS handshake failed: other error: odd",
    "log"
)]
#[case(CertificateError::UnknownIssuer.into(), "its certificate was issued by an authority that is not trusted", "sslrootcert")]
fn each_fault_is_named(#[case] error: rustls::Error, #[case] cause: &str, #[case] cure: &str) {
    check(&tls_fault(&error, None), cause, cure);
}

fn check(error: &Error, cause: &str, cure: &str) {
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.message().contains(cause), "{error}");
    assert!(error.hint().contains(cure), "{error}");
    assert!(error.message().len() < 220, "{error}");
}
