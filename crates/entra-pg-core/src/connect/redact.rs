//! Keeps secrets, and what is not printable, out of texts that come from outside.
//!
//! It removes the tokens that this process holds or held recently, whatever they look like, and what has the shape of a token,
//! so that a server's or a library's message that quotes one cannot carry it into a log.

use std::{error::Error as StdError, ops::Range};

use super::printable::one_line;
use crate::live_tokens;

/// JSON Web Tokens begin with the base64 of `{"`; nothing else in an error message does.
const TOKEN_START: &str = "eyJ";
/// What a request for a token proves the identity with. An endpoint that quotes the request quotes it, too.
const PROOFS: [&str; 2] = ["client_secret=", "client_assertion="];
const SHORTEST_TOKEN: usize = 20;
const LONGEST_TEXT: usize = 1_000;
/// What lies behind so many bytes is not looked at. A quoted token may be a few thousand bytes long.
const LONGEST_READ: usize = 32 * 1_024;

/// Returns the texts of an error and of all its sources, joined by `: `, each once, in one line and without tokens.
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

/// Returns the text in [one line](one_line), with `[token]` for everything that is or looks like a token; very long texts are
/// cut.
///
/// The tokens are those that this process holds or held recently (also percent-encoded, in base64, in hexadecimal, and pieces of
/// 16 letters and digits), all JSON Web Tokens, and the `client_secret` or `client_assertion` of a request that is quoted.
///
/// ```
/// use entra_pg_core::connect::redact;
///
/// assert_eq!(redact("got\neyJhbGciOiJSUzI1NiJ9.e30.c2ln"), "got [token]");
/// ```
#[must_use]
pub fn redact(text: &str) -> String {
    let text = up_to(text, LONGEST_READ);
    let mut clean = String::with_capacity(text.len().min(LONGEST_TEXT));
    let mut end = 0;
    // Before it is made printable, which would part a token that is not.
    for token in tokens(text) {
        clean.push_str(&one_line(&text[end..token.start]));
        clean.push_str("[token]");
        end = token.end;
    }
    clean.push_str(&one_line(&text[end..]));
    shorten(clean)
}

/// Returns whether bytes for somebody else hold a token that this process holds or held recently, or a piece of 16 letters and
/// digits of one, in any of the forms that [`redact`] finds.
///
/// ```
/// assert!(!entra_pg_core::connect::quotes_token(b"server_version\x0018.0"));
/// ```
#[must_use]
pub fn quotes_token(bytes: &[u8]) -> bool {
    !live_tokens::find(bytes).is_empty()
}

/// Where a text holds tokens, in order, without overlap.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut tokens = of_shape(text);
    tokens.extend(PROOFS.iter().flat_map(|name| values(text, name)));
    let live = live_tokens::find(text.as_bytes()).into_iter();
    tokens.extend(live.map(|piece| whole(text, piece)));
    tokens.sort_by_key(|token| token.start);
    tokens.dedup_by(|next, token| {
        let overlaps = next.start <= token.end;
        if overlaps {
            token.end = token.end.max(next.end);
        }
        overlaps
    });
    tokens
}

/// All that has the shape of a JSON Web Token.
fn of_shape(text: &str) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(TOKEN_START) {
        let start = from + at;
        let length = text[start..].find(|c: char| !is_token_character(c));
        from = length.map_or(text.len(), |length| start + length);
        if from - start >= SHORTEST_TOKEN {
            tokens.push(start..from);
        }
    }
    tokens
}

/// What stands behind each `name`, as in a form.
fn values<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(name).map(|(at, name)| {
        let start = at + name.len();
        let length = text[start..].find(|c: char| !is_token_character(c));
        start..length.map_or(text.len(), |length| start + length)
    })
}

/// The piece of a token, with what surrounds it of the token; not with `password=`.
fn whole(text: &str, piece: Range<usize>) -> Range<usize> {
    let mut before = text[..piece.start].char_indices();
    let start = before.rfind(|(_, c)| !is_token_character(*c) || *c == '=');
    let start = start.map_or(0, |(at, c)| at + c.len_utf8());
    let length = text[piece.end..].find(|c: char| !is_token_character(c));
    let end = length.map_or(text.len(), |length| piece.end + length);
    start.min(piece.start)..end
}

/// At most so many bytes of it.
fn up_to(text: &str, limit: usize) -> &str {
    let mut ends = (0..=limit.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=' | '%')
}

fn shorten(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
#[expect(clippy::format_collect, reason = "a few bytes, in a test")]
mod tests {
    use std::{sync::Arc, time::SystemTime};

    use base64::{Engine, prelude::BASE64_STANDARD};
    use rstest::rstest;

    use super::*;

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

    #[rstest]
    #[case("got {}, sorry", "got [token], sorry")]
    #[case("password={}\n", "password=[token] ")]
    #[case("a\u{1b}{}é", "a\\u{1b}[token]é")]
    #[case("{} and {}", "[token] and [token]")]
    fn a_token_that_is_alive_is_removed_whatever_it_looks_like(
        #[case] text: &str,
        #[case] clean: &str,
    ) {
        let (secret, holder) = ("q7~Zk.9Xw_Lm-2Rt+Vb/8Yh6Pc4", Arc::new(()));
        live_tokens::note(secret, &holder, SystemTime::now());
        assert_eq!(redact(&text.replace("{}", secret)), clean);
        for encoded in [
            BASE64_STANDARD.encode(format!("u:{secret}")),
            secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
            secret.replace('.', "%2E").replace('~', "%7E"),
            secret.replace(['~', '.', '_', '-', '+', '/'], "\u{200b}"),
            secret.chars().flat_map(|c| [c, '\n']).collect(),
        ] {
            let encoded = redact(&text.replace("{}", &encoded));
            assert!(encoded.contains("[token]"), "{encoded}");
            assert!(
                !encoded.contains("Xw") && !encoded.contains("58 77"),
                "{encoded}"
            );
            assert_eq!(redact(&encoded), encoded, "once is enough");
        }
        assert!(quotes_token(b"S\0\0q7~Zk.9Xw_Lm-2Rt+Vb/\0"));
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

    #[test]
    fn a_request_that_is_quoted_does_not_show_its_proof() {
        let text = "client_id=c&client_secret=s3cr%3D&client_assertion_type=jwt&client_assertion=a.b.c\", expected";
        assert_eq!(
            redact(text),
            "client_id=c&client_secret=[token]&client_assertion_type=jwt&client_assertion=[token]\", expected"
        );
        assert_eq!(redact("client_secret="), "client_secret=[token]");
    }
}
