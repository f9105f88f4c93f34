//! A connection string as people bring it: what surrounds it is removed, its form is recognised.

use super::{keyword_form, url_form};
use crate::{Error, ErrorKind};

/// What ends up around a string in a file, a secret or a `.env` file, and is never a part of it.
const AROUND: [char; 2] = ['\u{feff}', '\u{200b}'];

/// Returns what it says, as pairs of parameter and value: later ones override earlier ones.
pub(super) fn read(text: &str) -> Result<Vec<(String, String)>, Error> {
    let text = clean(text);
    if text.starts_with(['"', '\'']) {
        return Err(Error::new(
            ErrorKind::InvalidTarget,
            "the connection string begins with a quote that does not end it",
        )
        .with_hint("remove the quote, or close it"));
    }
    if keyword_form::recognises(text) {
        keyword_form::read(text)
    } else {
        url_form::read(text)
    }
}

/// Without blanks, line breaks, a byte-order mark and quotes around it.
fn clean(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(&c));
    let unquoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner)
    });
    unquoted.map_or(text, clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("postgres://h/d")]
    #[case("postgres://h/d\n")]
    #[case(" postgres://h/d\r\n")]
    #[case("\u{feff}postgres://h/d")]
    #[case("\"postgres://h/d\"\n")]
    #[case("'postgres://h/d'")]
    #[case("\u{feff}\"postgres://h/d\n\"\n")]
    #[case("\" 'postgres://h/d' \"")]
    fn what_surrounds_a_url_is_removed(#[case] given: &str) {
        assert_eq!(clean(given), "postgres://h/d");
    }

    #[rstest]
    #[case("\"postgres://h/d")]
    #[case("'")]
    #[case("'postgres://h/d\"")]
    fn a_quote_that_is_not_closed_is_refused(#[case] given: &str) {
        assert!(read(given).is_err());
    }

    #[test]
    fn quotes_of_a_value_are_its_own() {
        assert_eq!(clean("host=h dbname='a b' "), "host=h dbname='a b'");
    }
}
