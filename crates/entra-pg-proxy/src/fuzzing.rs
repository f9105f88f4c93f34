//! What must hold for every first packet of a client, and for every message of a server before it is ready.
//!
//! Compiled for the fuzzer and for tests alone, and no part of the API. `fuzz/` calls these functions with what it makes up;
//! the test below calls them with every file of the corpus.

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use entra_pg_core::connect::redact;

use crate::connection::{FirstPacket, MAX_FIRST_PACKET, ServerMessage, remaining_length};

/// Parses a client's first packet. Encoding it again gives the same bytes.
pub fn startup(data: &[u8]) {
    let Some((prefix, rest)) = data.split_first_chunk::<4>() else {
        return;
    };
    let Ok(length) = remaining_length(*prefix) else {
        return;
    };
    assert!(prefix.len() + length <= MAX_FIRST_PACKET);
    let Some(rest) = rest.get(..length) else {
        return;
    };
    let whole = &data[..prefix.len() + length];
    match FirstPacket::parse(*prefix, rest) {
        Ok(FirstPacket::Startup(startup)) => {
            assert_eq!(startup.encode().expect("no zeros"), whole);
        }
        Ok(FirstPacket::Cancel(packet)) => assert_eq!(packet, whole),
        Ok(FirstPacket::Encryption) => assert_eq!(whole.len(), 8),
        Err(unserved) => assert!(!unserved.reason().is_empty()),
    }
}

/// Parses a server's message: a tag, and the body.
pub fn server(data: &[u8]) {
    let Some((tag, body)) = data.split_first() else {
        return;
    };
    match ServerMessage::parse(*tag, body) {
        ServerMessage::CleartextPassword => assert_eq!(data, b"R\0\0\0\x03"),
        ServerMessage::AuthenticationOk => assert_eq!(data, b"R\0\0\0\0"),
        ServerMessage::ReadyForQuery => assert_eq!(*tag, b'Z'),
        ServerMessage::ErrorResponse(fields) => {
            for text in [fields.message(), fields.sqlstate()] {
                assert_eq!(redact(text), text, "nothing is left to be redacted");
            }
        }
        ServerMessage::Forward(bytes) => assert_eq!(bytes.first(), Some(tag)),
        ServerMessage::UnsupportedAuthentication(_) => assert_eq!(*tag, b'R'),
        ServerMessage::Unexpected => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Every file that the fuzzer has found worth keeping, and the seeds.
    fn replay(name: &str, target: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let files: Vec<_> = fs::read_dir(corpus.join(name))
            .expect("a corpus")
            .map(|file| file.expect("a file").path())
            .collect();
        assert!(!files.is_empty(), "nothing is replayed for {name}");
        for file in files {
            println!("{}", file.display());
            target(&fs::read(&file).expect("a file"));
        }
    }

    #[test]
    fn startup() {
        replay("startup", super::startup);
    }

    #[test]
    fn server() {
        replay("server", super::server);
    }
}
