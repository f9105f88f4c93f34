use entra_pg_core::{Entra, ErrorKind, ManagedIdentity, Rejection, connect::Failure};
use postgres_protocol::message::backend::Message;
use rstest::rstest;

use super::*;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln";

/// As a client reads it: with `postgres-protocol`.
fn parsed(response: &Bytes) -> Vec<(char, String)> {
    use postgres_protocol::message::backend::ErrorFields;
    let mut buffer = BytesMut::from(&response[..]);
    let Ok(Some(Message::ErrorResponse(body))) = Message::parse(&mut buffer) else {
        panic!("no ErrorResponse");
    };
    assert!(buffer.is_empty());
    let mut fields: ErrorFields<'_> = body.fields();
    let mut parsed = Vec::new();
    while let Some(field) = fallible_iterator::FallibleIterator::next(&mut fields).expect("a field")
    {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        parsed.push((char::from(field.type_()), value));
    }
    parsed
}

fn field(response: &Bytes, name: char) -> Option<String> {
    let found = parsed(response)
        .into_iter()
        .find(|(known, _)| *known == name);
    found.map(|(_, value)| value)
}

fn fields(pairs: &[(char, &str)]) -> Fields {
    let body: Vec<u8> = pairs
        .iter()
        .flat_map(|(name, value)| [&[*name as u8], value.as_bytes(), &[0]].concat())
        .chain([0])
        .collect();
    Fields::parse(&body).expect("fields")
}

#[test]
fn a_failed_token_reaches_the_client_with_cause_and_hint() {
    let error = Error::new(ErrorKind::TokenRequest, "az said no").with_hint("run az login");
    let response = for_client(&error);
    assert_eq!(field(&response, 'S').as_deref(), Some("FATAL"));
    assert_eq!(field(&response, 'V').as_deref(), Some("FATAL"));
    assert_eq!(field(&response, 'C').as_deref(), Some("28000"));
    assert_eq!(
        field(&response, 'M').as_deref(),
        Some("token failed: az said no")
    );
    assert_eq!(
        field(&response, 'H').as_deref(),
        Some("run az login; see entra_pg_core::error_codes#token-request")
    );
}

/// The error and the response of a connect that a server refused with these fields.
fn refused(fields: Fields) -> (Error, Bytes) {
    let entra = Entra::managed_identity(ManagedIdentity::SystemAssigned).expect("an identity");
    let provider = entra.login_provider("postgres://app@localhost/");
    let attempt = provider.expect("a target").attempt("test");
    let failure = Failure::refused(fields.sqlstate(), fields.message()).with_driver_error(fields);
    let error = failure.into_error("app", &attempt);
    let response = for_client(&error);
    (error, response)
}

#[rstest]
#[case(ErrorKind::TokenRequest, false, "28000")]
#[case(ErrorKind::TokenRequest, true, "08001")]
#[case(ErrorKind::TokenTimeout, true, "08001")]
#[case(ErrorKind::NoUser, false, "28000")]
#[case(ErrorKind::Connect, true, "08001")]
#[case(ErrorKind::Connect, false, "28000")]
#[case(ErrorKind::Tls, false, "28000")]
#[case(ErrorKind::Tls, true, "08001")]
#[case(ErrorKind::Rejected(Rejection::NotEntra), false, "28000")]
fn a_client_can_tell_what_may_pass_from_what_will_not(
    #[case] kind: ErrorKind,
    #[case] transient: bool,
    #[case] expected: &str,
) {
    let error = Error::new(kind, "").with_transient(transient);
    assert_eq!(sqlstate(&error), expected);
}

#[test]
fn a_servers_error_is_passed_on_with_a_hint_and_without_the_token() {
    let fields_of_server = fields(&[
        ('S', "FATAL"),
        ('C', "28P01"),
        ('M', &format!("no role for {TOKEN}")),
        ('D', &format!("detail {TOKEN}")),
        ('R', "auth_failed"),
    ]);
    let (error, response) = refused(fields_of_server);
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Other));
    assert_eq!(
        field(&response, 'M').as_deref(),
        Some("no role for [token]")
    );
    assert_eq!(field(&response, 'D').as_deref(), Some("detail [token]"));
    assert_eq!(field(&response, 'R').as_deref(), Some("auth_failed"));
    let hint = field(&response, 'H').expect("a hint");
    assert!(
        hint.contains("pgaadauth_create_principal_with_oid('app'"),
        "{hint}"
    );
}

#[test]
fn a_servers_own_hint_stays() {
    let fields_of_server = fields(&[('C', "28P01"), ('M', "no"), ('H', "its own")]);
    let response = refused(fields_of_server).1;
    assert_eq!(field(&response, 'H').as_deref(), Some("its own"));
}

#[rstest]
#[case("53300", true)]
#[case("57P03", true)]
#[case("3D000", false)]
fn a_server_that_is_full_or_starting_is_told_from_one_that_refuses(
    #[case] sqlstate: &str,
    #[case] transient: bool,
) {
    let (error, response) = refused(fields(&[('C', sqlstate), ('M', "no")]));
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.is_transient(), transient);
    assert_eq!(field(&response, 'C').as_deref(), Some(sqlstate));
}

#[test]
fn a_zero_in_a_text_does_not_break_the_message() {
    let response = Refusal::protocol("a\0b").encode();
    assert_eq!(field(&response, 'M').as_deref(), Some("a\\u{0}b"));
}

#[rstest]
#[case(b"")]
#[case(b"M")]
#[case(b"Mno end")]
#[case(b"Mtext\0")]
#[case(b"\0more")]
fn broken_fields_are_not_read(#[case] body: &[u8]) {
    assert_eq!(Fields::parse(body), None);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = Fields::parse(&body);
    }
}
