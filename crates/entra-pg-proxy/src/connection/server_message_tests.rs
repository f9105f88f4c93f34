use rstest::rstest;

use super::*;

#[rstest]
#[case::cleartext(&[0, 0, 0, 3], ServerMessage::CleartextPassword)]
#[case::ok(&[0, 0, 0, 0], ServerMessage::AuthenticationOk)]
#[case::md5(&[0, 0, 0, 5, 1, 2, 3, 4], ServerMessage::UnsupportedAuthentication("an MD5 password".into()))]
#[case::scram(
    b"\0\0\0\x0aSCRAM-SHA-256\0\0",
    ServerMessage::UnsupportedAuthentication("a SCRAM password".into())
)]
#[case::gss(&[0, 0, 0, 7], ServerMessage::UnsupportedAuthentication("a Kerberos ticket (GSSAPI)".into()))]
#[case::later_part_of_scram(&[0, 0, 0, 11, 1], ServerMessage::UnsupportedAuthentication("a SCRAM password".into()))]
#[case::unknown(&[0, 0, 0, 99], ServerMessage::UnsupportedAuthentication("authentication of an unknown kind (99)".into()))]
#[case::too_long(&[0, 0, 0, 3, 0], ServerMessage::Unexpected)]
#[case::too_short(&[0, 0], ServerMessage::Unexpected)]
#[case::empty(&[], ServerMessage::Unexpected)]
fn only_a_cleartext_password_asks_for_the_token(
    #[case] body: &[u8],
    #[case] expected: ServerMessage,
) {
    assert_eq!(ServerMessage::parse(b'R', body), expected);
}

#[test]
fn what_a_client_needs_is_kept_in_its_bytes() {
    for (tag, body) in [
        (b'S', &b"TimeZone\0UTC\0"[..]),
        (b'K', &[0; 8]),
        // The longer key of protocol 3.2.
        (b'K', &[0; 36]),
        (b'v', &[0; 8]),
    ] {
        assert_eq!(
            ServerMessage::parse(tag, body),
            ServerMessage::Forward(frame(tag, body))
        );
    }
}

#[test]
fn a_notice_that_quotes_a_token_does_not_carry_it_on() {
    let ServerMessage::Forward(bytes) =
        ServerMessage::parse(b'N', b"Mgot eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln\0\0")
    else {
        panic!("a notice");
    };
    assert_eq!(bytes, frame(b'N', b"Mgot [token]\0\0"));
}

#[rstest]
#[case::a_row(b'D', b"")]
#[case::a_request_to_copy(b'G', b"")]
#[case::http(b'H', b"")]
#[case::zero(0, b"")]
#[case::a_key_of_one_byte(b'K', b"1")]
#[case::half_a_key(b'K', b"1234")]
#[case::ready_without_a_state(b'Z', b"")]
#[case::ready_in_two_states(b'Z', b"II")]
fn what_has_no_business_in_a_login_is_not_passed_on(#[case] tag: u8, #[case] body: &[u8]) {
    assert_eq!(ServerMessage::parse(tag, body), ServerMessage::Unexpected);
}

#[rstest]
#[case::longest(&[b'E', 0, 0, 0x75, 0x34], Some((b'E', 30_000)))]
#[case::too_long(&[b'E', 0, 0, 0x75, 0x35], None)]
#[case::huge(&[b'E', 0x7f, 0xff, 0xff, 0xff], None)]
#[case::negative(&[b'E', 0xff, 0xff, 0xff, 0xff], None)]
#[case::without_its_own_length(&[b'E', 0, 0, 0, 3], None)]
#[case::empty(&[b'E', 0, 0, 0, 4], Some((b'E', 0)))]
fn no_message_reserves_more_than_the_cap(
    #[case] bytes: &[u8],
    #[case] expected: Option<(u8, usize)>,
) {
    assert_eq!(parse_header(bytes), expected);
}

proptest::proptest! {
    #[test]
    fn no_message_makes_the_reader_panic(
        tag in proptest::num::u8::ANY,
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..100),
    ) {
        let _ = ServerMessage::parse(tag, &body);
        let _ = ServerMessage::parse(b'R', &body);
    }
}
