//! The table of hostile servers.

use super::{
    messages::{
        asks_for_password, authentication, claiming, lets_in, message, notice, parameter, ready,
        refusal,
    },
    mode::Mode,
    script::{
        Act::{self, Flood, Handshake, Pieces, Quote, Read, Reset, Silence, Trickle},
        Stage::{Accepted, LetIn, Requested, Secured, Started, Told},
    },
};

const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>no</html>";
const GARBAGE: &[u8] = &[0x80, 0xff, 0x00, 0x1b, 0x5b, 0x41, 0xfe, 0x07, 0x00, 0x13];
/// Red, a bell, a line of its own, and one that is written from right to left.
const COLOURED: &str = "no\x1b[31m\x07\r\nFATAL: a line of its own\u{9b}1m\u{202e}";

fn send(bytes: impl Into<Vec<u8>>) -> Act {
    Act::Send(bytes.into())
}

fn alert(description: u8) -> Act {
    send([0x15, 3, 3, 0, 2, 2, description])
}

/// A ServerHello of TLS 1.1, with its only cipher suite.
fn old_hello() -> Act {
    let body = [&[3, 2][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
    let hello = [&[2, 0, 0, 38][..], &body].concat();
    send([&[0x16, 3, 2, 0, 42][..], &hello].concat())
}

fn flood(message: Vec<u8>) -> [Act; 1] {
    [Flood(message)]
}

const BROKEN: &[&str] = &["connect", "tls"];
const FLOODED: &[&str] = &["connect", "connect-timeout"];
const SILENT: &[&str] = &["connect-timeout"];
/// Per connection, sqlx gives up a moment before the proxy does.
const WAITED: &[&str] = &[
    "timed out",
    "not ready in time",
    "had not finished when the caller gave up",
];
/// A server that was let in and is silent: pools that try a new connection find that out.
const EITHER: &[&str] = &["ok", "connect", "connect-timeout"];

#[rustfmt::skip]
pub fn server_modes() -> Vec<Mode> {
    let mode = Mode::server::<1>;
    let two = Mode::server::<2>;
    let three = Mode::server::<3>;
    let end = Mode::server::<0>;
    vec![
        // Before TLS.
        mode("accepts, then silence", Accepted, [Silence]).is(SILENT, WAITED),
        end("accepts, closes", Accepted, []),
        mode("accepts, resets", Accepted, [Reset]),
        mode("HTTP at once", Accepted, [send(HTTP)]),
        mode("no TLS", Requested, [send(*b"N")]).is(&["tls"], &["not support TLS", "offers no TLS"]).short(),
        mode("an error instead of TLS", Requested, [send(refusal("53300", "sorry, too many clients already"))]),
        mode("an error before protocol 3", Requested, [send(*b"EFATAL:  too many\n\0")]),
        mode("HTTP instead of TLS", Requested, [send(HTTP)]).is(BROKEN, &[""]).short(),
        mode("garbage instead of TLS", Requested, [send(GARBAGE)]).is(BROKEN, &[""]),
        mode("closes instead of TLS", Requested, [send(*b"")]),
        mode("resets instead of TLS", Requested, [Reset]),
        mode("silence instead of TLS", Requested, [Silence]).is(SILENT, WAITED),
        // The handshake.
        two("S, then silence", Requested, [send(*b"S"), Silence]).is(SILENT, WAITED),
        mode("S, then closes", Requested, [send(*b"S")]).is(BROKEN, &[""]),
        two("S, then resets", Requested, [send(*b"S"), Reset]).is(BROKEN, &[""]),
        two("S, then HTTP", Requested, [send(*b"S"), send(HTTP)]).is(BROKEN, &[""]),
        two("S, then garbage", Requested, [send(*b"S"), send(GARBAGE)]).is(BROKEN, &[""]),
        two("S, then a byte now and then", Requested, [send(*b"S"), Trickle(vec![0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 500)]).is(SILENT, WAITED),
        mode("S, and a request for the password behind it", Requested, [send([&b"S"[..], &asks_for_password()].concat())]).is(BROKEN, &[""]).short(),
        mode("S, and a login behind it", Requested, [send([&b"S"[..], &lets_in(), &ready()].concat())]).is(BROKEN, &[""]),
        two("TLS alert: handshake failure", Requested, [send(*b"S"), alert(40)]).is(&["tls"], &[""]),
        two("TLS alert: protocol version", Requested, [send(*b"S"), alert(70)]).is(&["tls"], &[""]),
        two("TLS alert: unrecognised name", Requested, [send(*b"S"), alert(112)]).is(&["tls"], &[""]),
        two("TLS alert: internal error", Requested, [send(*b"S"), alert(80)]).is(&["tls"], &[""]),
        two("TLS 1.1", Requested, [send(*b"S"), old_hello()]).is(&["tls"], &[""]).short(),
        two("stalls before its hello is whole", Requested, [send(*b"S"), Handshake(40)]).is(SILENT, WAITED),
        two("stalls after its hello", Requested, [send(*b"S"), Handshake(140)]).is(SILENT, WAITED),
        two("stalls within its certificate", Requested, [send(*b"S"), Handshake(500)]).is(SILENT, WAITED),
        mode("closes after the handshake", Secured, [send(*b"")]),
        mode("resets after the handshake", Secured, [Reset]),
        mode("silence after the handshake", Secured, [Silence]).is(SILENT, WAITED),
        mode("HTTP after the handshake", Secured, [send(HTTP)]),
        // Authentication.
        end("closes at the startup packet", Started, []),
        mode("resets at the startup packet", Started, [Reset]),
        mode("silence at the startup packet", Started, [Silence]).is(SILENT, WAITED),
        mode("HTTP at the startup packet", Started, [send(HTTP)]),
        mode("garbage at the startup packet", Started, [send(GARBAGE)]),
        two("a message of 2 GB", Started, [send(claiming(b'R', 0x7fff_ffff, b"\0\0\0\x03")), Silence]).is(FLOODED, &[""]),
        two("a notice of 2 GB that comes", Started, [send(claiming(b'N', 0x7fff_ffff, b"")), Flood(vec![b'x'; 1024])]).is(FLOODED, &[""]),
        two("a message of -1 bytes", Started, [send(claiming(b'R', u32::MAX, b"\0\0\0\x03")), Silence]).is(FLOODED, &[""]),
        two("a message of 0 bytes", Started, [send(claiming(b'R', 0, b"\0\0\0\x03")), Silence]),
        two("a request that is cut short", Started, [send(claiming(b'R', 5, b"\0")), Silence]),
        two("an unknown message", Started, [send(message(b'?', b"what")), Silence]),
        two("an unknown authentication", Started, [send(authentication(99, b"")), Silence]).is(&["rejected-not-entra"], &["an unknown kind (99)"]),
        three("asks for SCRAM", Started, [send(authentication(10, b"SCRAM-SHA-256\0\0")), Read, send(refusal("28P01", "password authentication failed for user \"app\""))]).is(&["rejected-not-entra", "rejected"], &["SCRAM", "password authentication failed"]).short(),
        three("asks for MD5", Started, [send(authentication(5, b"salt")), Read, send(refusal("28P01", "password authentication failed for user \"app\""))]).is(&["rejected-not-entra", "rejected"], &["MD5", "password authentication failed"]),
        two("asks for GSS", Started, [send(authentication(7, b"")), Silence]).is(&["rejected-not-entra"], &["GSS"]),
        two("asks for SSPI", Started, [send(authentication(9, b"")), Silence]).is(&["rejected-not-entra"], &["SSPI"]),
        two("lets in without asking", Started, [send([lets_in(), ready()].concat()), Silence]).is(EITHER, &[""]),
        two("asks for the password twice", Told, [send(asks_for_password()), Read]),
        two("silence after the password", Told, [Read, Silence]).is(SILENT, WAITED),
        end("closes after the password", Told, []),
        mode("resets after the password", Told, [Reset]),
        // What it says.
        mode("refuses in control characters", Told, [send(refusal("28P01", COLOURED))]).is(&["rejected"], &["a line of its own"]),
        mode("refuses in 1 MB", Told, [send(refusal("28P01", &"long ".repeat(200_000)))]).is(&["rejected", "connect"], &[""]),
        mode("refuses without a word", Told, [send(message(b'E', b"\0"))]),
        mode("refuses in what is not UTF-8", Told, [send(message(b'E', b"SFATAL\0C28P01\0Mno \xff\xfe\0\0"))]).is(&["rejected", "connect"], &[""]),
        mode("refuses with half a field", Told, [send(message(b'E', b"SFATAL\0C28P01"))]),
        mode("refuses by quoting the token", Told, [Quote(|token| refusal("28P01", &format!("bad password {token}")))]).is(&["rejected"], &["bad password"]).short(),
        mode("refuses by quoting the signature", Told, [Quote(|token| refusal("28P01", &format!("bad password {}", signature(token))))]).is(&["rejected"], &["bad password"]),
        two("a parameter that quotes the token", Told, [Quote(|token| [lets_in(), parameter("note", token), ready()].concat()), Silence]).is(EITHER, &[""]),
        two("a parameter in control characters", Told, [send([lets_in(), parameter("note", COLOURED), ready()].concat()), Silence]).is(EITHER, &[""]),
        two("a notice that quotes the token", Told, [Quote(|token| [notice(token), lets_in(), ready()].concat()), Silence]).is(EITHER, &[""]),
        mode("parameters without end", Told, flood(parameter("a", "b"))).is(FLOODED, &[""]),
        mode("notices without end", Told, flood(notice("again"))).is(FLOODED, &[""]).short(),
        mode("empty parameters without end", Started, flood(message(b'S', b"\0\0"))).is(FLOODED, &[""]),
        mode("logins without end", Told, flood(lets_in())).is(FLOODED, &[""]),
        // After the login.
        two("negotiates nonsense", Started, [send(message(b'v', &[0xff; 8])), Silence]).is(FLOODED, &[""]),
        two("a key of one byte", Told, [send([lets_in(), message(b'K', b"\0"), ready()].concat()), Silence]).is(EITHER, &[""]),
        two("two keys", Told, [send([lets_in(), message(b'K', &[0; 8]), message(b'K', &[1; 8]), ready()].concat()), Silence]).is(EITHER, &[""]),
        two("no key, no parameters", LetIn, [Read, Silence]).is(EITHER, &[""]),
        two("ready in an unknown state", Told, [send([lets_in(), message(b'Z', b"?")].concat()), Silence]).is(EITHER, &[""]),
        two("ready without a state", Told, [send([lets_in(), message(b'Z', b"")].concat()), Silence]).is(EITHER, &[""]),
        two("silence before it is ready", Told, [send(lets_in()), Silence]).is(SILENT, WAITED),
        mode("closes before it is ready", Told, [send(lets_in())]),
        two("resets before it is ready", Told, [send(lets_in()), Reset]),
        two("more behind its readiness", LetIn, [send([message(b'D', b"\0\0"), message(b'C', b"SELECT 1\0"), ready()].concat()), Silence]).is(EITHER, &[""]),
        two("the token behind its readiness", Told, [Quote(|token| [lets_in(), ready(), parameter("note", token)].concat()), Silence]).is(EITHER, &[""]),
        end("closes once it is ready", LetIn, []).is(EITHER, &[""]),
        // Well, but slow.
        mode("a server that is well, a byte at a time", Accepted, [Pieces]).is(&["ok"], &[""]).short(),
    ]
}

fn signature(token: &str) -> &str {
    token.rsplit('.').next().unwrap_or_default()
}
