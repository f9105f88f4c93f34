//! PostgreSQL's messages, as a server sends them.

/// With the right length.
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a message is short");
    claiming(tag, length, body)
}

/// With any length.
pub(super) fn claiming(tag: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

/// A request for this kind of authentication, with what belongs to it.
pub(super) fn authentication(kind: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes()[..], rest].concat())
}

pub(super) fn asks_for_password() -> Vec<u8> {
    authentication(3, b"")
}

pub(super) fn lets_in() -> Vec<u8> {
    authentication(0, b"")
}

pub(super) fn parameter(name: &str, value: &str) -> Vec<u8> {
    message(b'S', format!("{name}\0{value}\0").as_bytes())
}

pub(super) fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

pub(super) fn refusal(sqlstate: &str, text: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0");
    message(b'E', fields.as_bytes())
}

pub(super) fn notice(text: &str) -> Vec<u8> {
    let fields = format!("SNOTICE\0VNOTICE\0C00000\0M{text}\0\0");
    message(b'N', fields.as_bytes())
}
