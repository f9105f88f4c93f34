use entra_pg_rustls::rustls::{AlertDescription, CertificateError, InvalidMessage};
use rstest::rstest;

use super::*;
use crate::Target;

fn attempt(step: Step) -> Attempt {
    let target = Target::parse("postgres://app@localhost/orders").expect("a target");
    let attempt = Attempt::new("test", &target);
    attempt.set_step(step);
    attempt
}

fn error(step: Step, failure: Failure) -> Error {
    failure.into_error("o'hara", &attempt(step))
}

fn io(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "scripted")
}

#[tokio::test]
async fn an_address_that_is_not_let_in_is_not_blamed_on_the_role() {
    let message = "no pg_hba.conf entry for host \"192.0.2.1\", user \"app\", database \"orders\", no encryption";
    let error = error(Step::Authentication, Failure::refused("28000", message));
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("firewall rules"), "{error}");
    assert!(!error.to_string().contains("pgaadauth"), "{error}");
}

#[rstest]
#[case(Rejection::Expired, "check the clock")]
#[case(Rejection::Audience, "set the scope")]
#[case(Rejection::Format, "authentication enabled")]
#[case(Rejection::TokenType, "role \"o'hara\"")]
#[case(Rejection::NotEntra, "role \"o'hara\"")]
#[case(Rejection::Other, "pgaadauth_create_principal_with_oid('o''hara',")]
fn a_rejection_names_its_own_cure(#[case] cause: Rejection, #[case] cure: &str) {
    let error = rejected(cause, "o'hara", "no");
    assert_eq!(error.kind(), ErrorKind::Rejected(cause));
    assert!(error.to_string().contains(cure), "{error}");
}

#[rstest]
#[case("53300", true)]
#[case("57P03", true)]
#[case("3D000", false)]
#[tokio::test]
async fn a_full_or_starting_server_is_worth_a_retry(#[case] sqlstate: &str, #[case] retry: bool) {
    let error = error(Step::Authentication, Failure::refused(sqlstate, "no"));
    assert_eq!(
        (error.kind(), error.is_transient()),
        (ErrorKind::Connect, retry)
    );
}

#[rstest]
#[case(
    Step::TcpConnect,
    io::ErrorKind::ConnectionRefused,
    ErrorKind::Connect,
    "firewall admits"
)]
#[case(
    Step::TcpConnect,
    io::ErrorKind::InvalidData,
    ErrorKind::Connect,
    "firewall admits"
)]
#[case(
    Step::TcpConnect,
    io::ErrorKind::UnexpectedEof,
    ErrorKind::Connect,
    "in place of a response to the request for TLS"
)]
#[case(
    Step::TlsHandshake,
    io::ErrorKind::InvalidData,
    ErrorKind::Tls,
    "identity could not be verified"
)]
#[case(
    Step::TlsHandshake,
    io::ErrorKind::ConnectionReset,
    ErrorKind::Connect,
    "broke during the TLS handshake"
)]
#[case(
    Step::Authentication,
    io::ErrorKind::UnexpectedEof,
    ErrorKind::Connect,
    "broke during authentication"
)]
#[case(
    Step::Preparation,
    io::ErrorKind::UnexpectedEof,
    ErrorKind::Connect,
    "broke during session setup"
)]
#[case(
    Step::Connecting,
    io::ErrorKind::InvalidData,
    ErrorKind::Tls,
    "identity could not be verified"
)]
#[case(
    Step::Connecting,
    io::ErrorKind::ConnectionRefused,
    ErrorKind::Connect,
    "firewall admits"
)]
#[tokio::test]
async fn a_broken_connect_names_its_step(
    #[case] step: Step,
    #[case] cause: io::ErrorKind,
    #[case] kind: ErrorKind,
    #[case] text: &str,
) {
    let error = error(step, Failure::broken(&io(cause)));
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains(text), "{error}");
    let reason = match cause {
        _ if step == Step::TcpConnect && cause == io::ErrorKind::UnexpectedEof => "closed",
        io::ErrorKind::UnexpectedEof => "the server closed it",
        _ => "scripted",
    };
    assert!(error.to_string().contains(reason), "{error}");
}

#[rstest]
#[case(
    Step::Token,
    ErrorKind::TokenTimeout,
    "the token request timed out after 15 s"
)]
#[case(
    Step::TlsHandshake,
    ErrorKind::ConnectTimeout,
    "the TLS handshake timed out after 15 s"
)]
#[tokio::test]
async fn a_timeout_names_its_step(#[case] step: Step, #[case] kind: ErrorKind, #[case] text: &str) {
    let error = error(step, Failure::timed_out());
    assert_eq!((error.kind(), error.is_transient()), (kind, true));
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn a_server_that_quotes_the_token_puts_it_into_no_log() {
    let quoted = "no role for eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln";
    let failure = Failure::refused("28P01", quoted);
    assert!(!format!("{failure:?}").contains("eyJ"));
    let error = error(Step::Authentication, failure);
    assert!(error.to_string().contains("no role for [token]"), "{error}");
}

#[tokio::test]
async fn an_adapters_own_error_keeps_the_drivers_too() {
    let own = Error::new(ErrorKind::Connect, "no");
    let failure = Failure::from(own).with_driver_error(io::Error::other("why"));
    assert!(error(Step::Preparation, failure).driver_error().is_some());
    let own = Error::new(ErrorKind::Connect, "no").with_driver_error(io::Error::other("why"));
    assert!(
        error(Step::Preparation, own.into())
            .driver_error()
            .is_some()
    );
}

#[tokio::test]
async fn the_drivers_error_is_kept_and_its_debug_is_not_printed() {
    let failure = Failure::broken(&io(io::ErrorKind::BrokenPipe))
        .with_driver_error(io::Error::other("eyJ-secret"));
    assert!(!format!("{failure:?}").contains("secret"));
    let error = error(Step::Authentication, failure);
    let kept = error.driver_error().map(ToString::to_string);
    assert_eq!(kept.as_deref(), Some("eyJ-secret"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_token_is_named_when_the_connect_runs_out_of_time() {
    let attempt = attempt(Step::Token);
    tokio::time::advance(Duration::from_secs(12)).await;
    attempt.set_token_obtained();
    let stalled = attempt.timeout(Step::TlsHandshake, std::future::pending::<()>());
    let failure = stalled.await.expect_err("it never ends");
    let error = failure.into_error("app", &attempt).to_string();
    let text = "the TLS handshake timed out after 15 s, of which the token took 12.0 s";
    assert!(error.contains(text), "{error}");
    assert!(attempt.remaining().is_zero());
}

#[rstest]
#[case(rustls::Error::from(InvalidMessage::InvalidContentType).into(), true)]
#[case(io(io::ErrorKind::UnexpectedEof).into(), true)]
#[case(rustls::Error::from(CertificateError::UnknownIssuer).into(), false)]
#[case(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion).into(), false)]
#[tokio::test]
async fn a_server_that_speaks_tls_is_not_taken_for_one_that_is_too_old_for_direct_tls(
    #[case] error: Box<dyn StdError>,
    #[case] too_old: bool,
) {
    let target = Target::parse("postgres://app@localhost/orders?sslnegotiation=direct");
    let attempt = Attempt::new("test", &target.expect("a target"));
    attempt.set_step(Step::TlsHandshake);
    let error = Failure::broken(&*error).into_error("app", &attempt);
    assert_eq!(error.hint().contains("PostgreSQL 17"), too_old, "{error}");
}
