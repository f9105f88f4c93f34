//! What must hold for whatever comes from outside. One function a target, and it says more than "no panic".
//!
//! Compiled for the fuzzer and for tests alone, and no part of the API. `fuzz/` calls these functions with what it makes up;
//! the test below calls them with every file of the corpus.

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use crate::{
    ErrorKind, Rejection,
    connect::{is_printable, one_line, redact as redacted, refused},
};

pub use crate::{
    credential::fuzzing::refusal,
    target::fuzzing::{settings, target},
    token::fuzzing::{arrivals, claims},
};

/// How a server's refusal is read. The first line is the SQLSTATE, the rest the message.
pub fn rejection(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (sqlstate, message) = text.split_once('\n').unwrap_or((&text, ""));
    let rejection = Rejection::classify(sqlstate, message);
    match sqlstate {
        "28000" | "28P01" if !message.to_ascii_lowercase().contains("pg_hba.conf") => {
            assert!(rejection.is_some(), "it is about the login");
        }
        "28000" | "28P01" | "08P01" => {}
        _ => assert_eq!(rejection, None, "it is not about the login"),
    }
    assert_eq!(
        rejection,
        Rejection::classify(sqlstate, &message.to_ascii_uppercase()),
        "the wording's case is no matter"
    );
    if let Some(rejection) = rejection {
        let error = refused("o'brien", sqlstate, message);
        assert_eq!(error.kind(), ErrorKind::Rejected(rejection));
        assert_no_token(&error.to_string());
        assert!(!error.to_string().contains("('o'brien'"), "{error}");
    }
}

/// What is left of a text after redaction.
pub fn redact(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let clean = redacted(&text);
    assert_no_token(&clean);
    assert_eq!(redacted(&clean), clean, "once is enough");
    assert!(clean.chars().count() <= 1_001, "{} bytes", clean.len());
    assert!(clean.chars().all(is_printable), "{clean:?}");
    let line = one_line(&text);
    if !text.contains("eyJ") && line.len() <= 1_000 {
        assert_eq!(clean, line, "nothing else is removed");
    }
}

/// Told apart from the code under test on purpose: a token begins with `eyJ` and goes on for at least seventeen characters
/// of base64, percent encoding or dots.
pub(crate) fn assert_no_token(text: &str) {
    let begins = |at| {
        let rest = text.get(at..).unwrap_or_default().bytes();
        rest.take_while(|c| c.is_ascii_alphanumeric() || b"-_.+/=%".contains(c))
            .count()
    };
    for (at, _) in text.match_indices("eyJ") {
        assert!(begins(at) < 20, "holds a token: {text}");
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

    macro_rules! replayed {
        ($($target:ident)*) => {$(
            #[test]
            fn $target() {
                replay(stringify!($target), super::$target);
            }
        )*};
    }

    replayed!(target settings claims refusal arrivals rejection redact);
}
