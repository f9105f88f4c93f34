use proptest::prelude::*;
use rstest::rstest;
use tokio::{
    io::duplex,
    time::{Instant, sleep},
};

use super::*;

const VERSION_3: [u8; 4] = [0, 3, 0, 0];

/// Splits a whole packet as the reader does, and parses it.
fn read(packet: &[u8]) -> Result<FirstPacket, String> {
    let message = |unserved: Unserved| unserved.reason().to_owned();
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

/// What becomes of a client that sends this, and then hangs up.
async fn serve(bytes: &[u8]) -> Result<FirstPacket, Unserved> {
    let (mut client, mut proxy) = duplex(MAX_FIRST_PACKET);
    client.write_all(bytes).await.expect("it fits");
    client.shutdown().await.expect("half closed");
    FirstPacket::read(&mut proxy, Duration::from_secs(10)).await
}

const TLS_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
const GSS_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 48];
const GOODBYE: &[u8] = &[b'X', 0, 0, 0, 4];
const TLS_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

#[rstest]
#[case::nothing(b"")]
#[case::one_byte(b"\0")]
#[case::half_a_length(b"\0\0\0")]
#[case::a_length(b"\0\0\0\x0f")]
#[case::half_a_packet(b"\0\0\0\x0f\0\x03\0\0user")]
#[case::goodbye(GOODBYE)]
#[case::half_a_goodbye(&GOODBYE[..4])]
#[tokio::test]
async fn a_client_that_leaves_is_no_cause_for_a_warning(#[case] bytes: &[u8]) {
    assert!(matches!(serve(bytes).await, Err(Unserved::Left(_))));
}

#[rstest]
#[case::tls(&[TLS_HELLO])]
#[case::tls_all_the_same(&[TLS_REQUEST, TLS_HELLO])]
#[case::tls_after_gss(&[GSS_REQUEST, TLS_REQUEST, TLS_HELLO])]
#[case::nothing_without_tls(&[TLS_REQUEST])]
#[case::goodbye_without_tls(&[TLS_REQUEST, GOODBYE])]
#[case::nothing_without_gss(&[GSS_REQUEST])]
#[tokio::test]
async fn a_client_that_wants_encryption_is_closed_and_the_log_says_how_to_connect(
    #[case] packets: &[&[u8]],
) {
    match serve(&packets.concat()).await {
        Err(Unserved::Foreign(reason)) => assert!(reason.contains("sslmode=disable"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::http(b"GET / HTTP/1.1\r\n\r\n")]
#[case::http_2(b"PRI * HTTP/2.0\r\n\r\n")]
#[case::ssh(b"SSH-2.0-OpenSSH_9\r\n")]
#[case::redis(b"*1\r\n$4\r\nPING\r\n")]
#[case::noise(&[0xff; 64])]
#[case::zeros(&[0; 64])]
#[case::too_short(&[0, 0, 0, 7, 0, 3, 0, 0])]
#[case::too_long(&[0, 0, 0x27, 0x11, 0, 3, 0, 0])]
#[case::a_message_of_a_session(b"Q\0\0\0\x0dSELECT 1\0")]
#[case::short_cancel(&[0, 0, 0, 12, 4, 210, 22, 46, 1, 2, 3, 4])]
#[case::http_after_no_tls(&[TLS_REQUEST, b"GET / HTTP/1.1\r\n"].concat())]
#[tokio::test]
async fn what_is_not_postgresqls_protocol_gets_no_response(#[case] bytes: &[u8]) {
    assert!(matches!(serve(bytes).await, Err(Unserved::Foreign(_))));
}

#[rstest]
#[case::version_2(&packet([0, 2, 0, 0], b"\0"))]
#[case::no_end(&packet(VERSION_3, b"user\0app\0"))]
#[case::not_utf8(&packet(VERSION_3, b"user\0\xff\0\0"))]
#[case::encryption_again(&TLS_REQUEST.repeat(4))]
#[tokio::test]
async fn a_packet_that_is_wrong_inside_gets_an_error(#[case] bytes: &[u8]) {
    assert!(matches!(serve(bytes).await, Err(Unserved::Refused(_))));
}

#[tokio::test]
async fn a_client_may_ask_for_both_encryptions_in_either_order() {
    let startup = packet(VERSION_3, b"user\0app\0\0");
    for requests in [[GSS_REQUEST, TLS_REQUEST], [TLS_REQUEST, GSS_REQUEST]] {
        let whole = [&requests.concat(), &startup[..]].concat();
        assert!(matches!(serve(&whole).await, Ok(FirstPacket::Startup(_))));
    }
}

/// One byte at a time, as slowly as a deadline for each read would allow.
#[tokio::test(start_paused = true)]
async fn a_client_that_trickles_is_dropped_soon_after_its_first_byte() {
    for before in [&[], TLS_REQUEST] {
        let (mut client, mut proxy) = duplex(64);
        let startup = packet(VERSION_3, b"user\0app\0database\0orders\0\0");
        tokio::spawn(async move {
            client.write_all(before).await?;
            sleep(Duration::from_secs(5)).await;
            for byte in startup {
                client.write_u8(byte).await?;
                sleep(PACKET_TIMEOUT / 2).await;
            }
            Ok::<_, io::Error>(())
        });
        let start = Instant::now();
        let outcome = FirstPacket::read(&mut proxy, Duration::from_secs(60)).await;
        assert_eq!(
            start.elapsed(),
            Duration::from_secs(5) + PACKET_TIMEOUT,
            "{outcome:?}"
        );
        assert!(matches!(outcome, Err(Unserved::Foreign(_))), "{outcome:?}");
    }
}

/// Each packet is sent in one piece, and the next one late.
#[tokio::test(start_paused = true)]
async fn all_packets_have_one_deadline_together() {
    let limit = Duration::from_secs(10);
    let (mut client, mut proxy) = duplex(64);
    tokio::spawn(async move {
        loop {
            sleep(limit * 2 / 5).await;
            client.write_all(TLS_REQUEST).await?;
        }
        #[expect(unreachable_code, reason = "names the type")]
        Ok::<_, io::Error>(())
    });
    let start = Instant::now();
    let outcome = FirstPacket::read(&mut proxy, limit).await;
    assert_eq!(start.elapsed(), limit);
    let expected = "the client sent no startup packet within 10 s".to_owned();
    assert_eq!(outcome, Err(Unserved::Foreign(expected)));
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
