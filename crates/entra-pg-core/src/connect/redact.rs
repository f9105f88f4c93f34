//! Keeps secrets out of texts that come from outside.
//!
//! Nothing here knows which strings are secret: it removes what has the shape of a token, so that a server's or a
//! library's message that quotes one cannot carry it into a log.

use std::error::Error as StdError;

/// JSON Web Tokens begin with the base64 of `{"`; nothing else in an error message does.
const TOKEN_START: &str = "eyJ";
const SHORTEST_TOKEN: usize = 20;
const LONGEST_TEXT: usize = 1_000;

/// Returns the texts of an error and of all its sources, joined by `: `, each once, and without tokens.
///
/// ```
/// use std::io;
/// use entra_pg_core::connect::chain;
///
/// assert_eq!(chain(&io::Error::other("cut off")), "cut off");
/// ```
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = source.source();
    }
    redact(&text)
}

/// Replaces everything that looks like a token by `[token]`, and cuts very long texts.
///
/// ```
/// use entra_pg_core::connect::redact;
///
/// assert_eq!(redact("got eyJhbGciOiJSUzI1NiJ9.e30.c2ln"), "got [token]");
/// ```
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(LONGEST_TEXT));
    let mut rest = text;
    while let Some(at) = rest.find(TOKEN_START) {
        let (before, candidate) = rest.split_at(at);
        let length = candidate
            .find(|c: char| !is_token_character(c))
            .unwrap_or(candidate.len());
        clean.push_str(before);
        let kept = if length >= SHORTEST_TOKEN {
            "[token]"
        } else {
            &candidate[..length]
        };
        clean.push_str(kept);
        rest = &candidate[length..];
    }
    clean.push_str(rest);
    shorten(clean)
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=' | '%')
}

fn shorten(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("nothing here", "nothing here")]
    #[case("eyJ is short", "eyJ is short")]
    #[case(
        "got eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln, sorry",
        "got [token], sorry"
    )]
    #[case(
        "eyJhbGciOiJSUzI1NiJ9.e30.c eyJhbGciOiJSUzI1NiJ9%2Ee30",
        "[token] [token]"
    )]
    fn a_quoted_token_is_removed(#[case] text: &str, #[case] clean: &str) {
        assert_eq!(redact(text), clean);
    }

    #[test]
    fn a_page_of_html_does_not_flood_the_log() {
        assert_eq!(redact(&"é".repeat(5_000)).chars().count(), LONGEST_TEXT + 1);
    }

    #[test]
    fn a_chain_repeats_no_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: inner")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(chain(&error), "outer: inner");
    }
}
