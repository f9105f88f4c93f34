use proptest::prelude::*;
use rstest::rstest;

use super::*;

const VERSION_3: [u8; 4] = [0, 3, 0, 0];

/// Splits a whole packet as the reader does, and parses it.
fn read(packet: &[u8]) -> Result<FirstPacket, String> {
    let message = |refusal: Refusal| refusal.message().to_owned();
    let (prefix, rest) = packet.split_first_chunk().expect("four bytes");
    let length = remaining_length(*prefix).map_err(message)?;
    FirstPacket::parse(*prefix, &rest[..length.min(rest.len())]).map_err(message)
}

fn packet(code: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + body.len()).expect("short");
    [&length.to_be_bytes()[..], &code, body].concat()
}

#[rstest]
#[case::tls([4, 210, 22, 47])]
#[case::gss([4, 210, 22, 48])]
fn a_request_for_encryption_is_known(#[case] code: [u8; 4]) {
    assert_eq!(read(&packet(code, b"")), Ok(FirstPacket::Encryption));
}

#[test]
fn a_cancel_request_keeps_its_bytes_however_long_its_key() {
    for key in [&[1; 8][..], &[2; 36]] {
        let whole = packet([4, 210, 22, 46], key);
        assert_eq!(read(&whole), Ok(FirstPacket::Cancel(whole.into())));
    }
}

#[test]
fn the_last_of_two_values_counts_as_in_postgresql() {
    let whole = packet(VERSION_3, b"user\0a\0user\0b\0\0");
    let Ok(FirstPacket::Startup(startup)) = read(&whole) else {
        panic!("a startup packet");
    };
    assert_eq!(startup.get("user"), Some("b"));
    assert_eq!(startup.get("database"), None);
}

#[rstest]
#[case::http(b"GET / HTTP/1.1\r\n", "HTTP")]
#[case::tls(&[0x16, 3, 1, 2, 0, 1, 0, 1], "TLS")]
#[case::noise(b"\xff\xff\xff\xff\xff\xff\xff\xff", "does not speak")]
#[case::empty(&[0, 0, 0, 0, 0, 0, 0, 0], "does not speak")]
#[case::too_short(&[0, 0, 0, 7, 0, 3, 0, 0], "does not speak")]
#[case::too_long(&[0, 0, 0x27, 0x11, 0, 3, 0, 0], "10000 are allowed")]
#[case::version_2(&packet([0, 2, 0, 0], b"\0"), "version 2.0")]
#[case::version_4(&packet([0, 4, 0, 0], b"\0"), "version 4.0")]
#[case::no_end(&packet(VERSION_3, b"user\0app\0"), "truncated")]
#[case::no_value(&packet(VERSION_3, b"user\0"), "truncated")]
#[case::nothing(&packet(VERSION_3, b""), "truncated")]
#[case::more(&packet(VERSION_3, b"user\0app\0\0more"), "after its end")]
#[case::not_utf8(&packet(VERSION_3, b"user\0\xff\0\0"), "UTF-8")]
#[case::short_cancel(&packet([4, 210, 22, 46], b"1234"), "truncated")]
#[case::long_tls(&packet([4, 210, 22, 47], b"1"), "truncated")]
fn what_is_no_startup_packet_is_refused_by_name(#[case] bytes: &[u8], #[case] cause: &str) {
    let message = read(bytes).expect_err("refused");
    assert!(message.contains(cause), "{message}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 4..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_bytes_behind_a_valid_head_make_the_parser_panic(
        code in prop::sample::select(vec![VERSION_3, [0, 3, 0, 2], [4, 210, 22, 46], [4, 210, 22, 47]]),
        body in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..200),
    ) {
        let _ = read(&packet(code, &body));
    }

    #[test]
    fn no_length_reserves_more_than_the_cap(prefix in any::<[u8; 4]>()) {
        prop_assert!(remaining_length(prefix).is_ok_and(|length| length <= MAX_FIRST_PACKET) || remaining_length(prefix).is_err());
    }

    #[test]
    fn what_is_passed_on_is_what_was_read(
        minor in 0_u8..4,
        pairs in prop::collection::vec(("[^\0]{1,8}", "[^\0]{0,8}"), 0..8),
    ) {
        let texts = pairs.iter().flat_map(|(name, value)| [name.as_str(), value]);
        let body = texts.chain([""]).flat_map(|text| [text.as_bytes(), b"\0"].concat());
        let whole = packet([0, 3, 0, minor], &body.collect::<Vec<_>>());
        let Ok(FirstPacket::Startup(startup)) = read(&whole) else {
            panic!("a startup packet");
        };
        prop_assert_eq!(&startup.encode().expect("no zeros")[..], whole);
    }
}
