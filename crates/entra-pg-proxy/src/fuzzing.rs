//! What must hold for whatever a client says first, and whatever a server says before it is ready.
//!
//! Compiled for the fuzzer and for tests alone, and no part of the API. `fuzz/` calls these functions with what it makes up;
//! the test below calls them with every file of the corpus.

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use entra_pg_core::redact;

use crate::{
    login::{Said, understand},
    startup::{LONGEST, Opening, length_after, parse},
};

/// A client's first packet: what is read of it is passed on byte by byte, but for what was meant to be changed.
pub fn startup(data: &[u8]) {
    let Some((prefix, rest)) = data.split_first_chunk::<4>() else {
        return;
    };
    let Ok(length) = length_after(*prefix) else {
        return;
    };
    assert!(prefix.len() + length <= LONGEST);
    let Some(rest) = rest.get(..length) else {
        return;
    };
    let whole = &data[..prefix.len() + length];
    match parse(*prefix, rest) {
        Ok(Opening::Startup(startup)) => {
            assert_eq!(startup.encode().expect("no zeros"), whole);
        }
        Ok(Opening::Cancel(packet)) => assert_eq!(packet, whole),
        Ok(Opening::Encryption) => assert_eq!(whole.len(), 8),
        Err(refusal) => assert!(!refusal.message().is_empty()),
    }
}

/// A server's message: a tag, and the body.
pub fn server(data: &[u8]) {
    let Some((tag, body)) = data.split_first() else {
        return;
    };
    match understand(*tag, body) {
        Said::CleartextPassword => assert_eq!(data, b"R\0\0\0\x03"),
        Said::Welcome => assert_eq!(data, b"R\0\0\0\0"),
        Said::Ready => assert_eq!(*tag, b'Z'),
        Said::Refused(fields) => {
            for text in [fields.message(), fields.sqlstate()] {
                assert_eq!(redact(text), text, "nothing is left to be redacted");
            }
        }
        Said::Aside(bytes) => assert_eq!(bytes.first(), Some(tag)),
        Said::AnotherProof(_) => assert_eq!(*tag, b'R'),
        Said::OutOfPlace => {}
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
