//! What a server's messages up to `ReadyForQuery` hold that the proxy itself needs. Pure.

use std::str;

use postgres_protocol::message::backend::{BACKEND_KEY_DATA_TAG, PARAMETER_STATUS_TAG};

/// The process number and the secret of the session, as a request to cancel holds them.
pub(crate) fn backend_key(messages: &[u8]) -> Option<&[u8]> {
    let mut messages = Messages(messages);
    let (_, key) = messages.find(|(tag, _)| *tag == BACKEND_KEY_DATA_TAG)?;
    Some(key)
}

/// The value of a parameter that the server has reported.
pub(crate) fn parameter<'a>(messages: &'a [u8], name: &str) -> Option<&'a str> {
    let statuses = Messages(messages).filter(|(tag, _)| *tag == PARAMETER_STATUS_TAG);
    // The last one counts.
    let values = statuses.filter_map(|(_, body)| {
        let (known, value) = str::from_utf8(body).ok()?.split_once('\0')?;
        (known == name).then_some(value.trim_end_matches('\0'))
    });
    values.last()
}

/// Tags and bodies.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let length = u32::from_be_bytes(*rest.first_chunk()?);
        let length = usize::try_from(length).ok()?;
        let body = rest.get(4..length)?;
        self.0 = rest.get(length..)?;
        Some((*tag, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::frame;

    #[test]
    fn the_key_is_found_among_the_messages() {
        let messages = [
            frame(b'S', b"a\0b\0"),
            frame(b'K', &[0, 0, 0, 7, 1, 2, 3, 4]),
            frame(b'Z', b"I"),
        ]
        .concat();
        assert_eq!(backend_key(&messages), Some(&[0, 0, 0, 7, 1, 2, 3, 4][..]));
        for end in 0..messages.len() {
            // Whatever is cut off, nothing is read behind it.
            let _ = backend_key(&messages[..end]);
        }
        assert_eq!(backend_key(&frame(b'Z', b"I")), None);
        assert_eq!(parameter(&messages, "a"), Some("b"));
        assert_eq!(parameter(&messages, "b"), None);
    }
}
