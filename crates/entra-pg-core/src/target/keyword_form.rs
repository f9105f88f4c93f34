//! libpq's other form: `host=… dbname='…'`, as pairs of keyword and value. Nothing here repeats it in an error.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>

use std::{iter::Peekable, str::Chars};

use super::{secrets::is_secret, session_settings::SPACES};
use crate::{Error, ErrorKind};

/// Whether the text begins like `keyword = …`. A URL does not: a colon ends its first word.
pub(super) fn recognises(text: &str) -> bool {
    let is_keyword = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = text.trim_start_matches(is_keyword);
    rest.len() < text.len() && rest.trim_start_matches(SPACES).starts_with('=')
}

/// The pairs in their order: as in libpq, later ones override earlier ones.
pub(super) fn read(text: &str) -> Result<Vec<(String, String)>, Error> {
    if text.contains(|c: char| c.is_control() && !SPACES.contains(&c)) {
        return Err(invalid("the connection string holds a control character"));
    }
    let mut rest = text.chars().peekable();
    let mut pairs = Vec::new();
    loop {
        skip_spaces(&mut rest);
        if rest.peek().is_none() {
            return Ok(pairs);
        }
        let keyword = take_until(&mut rest, |c| c == '=' || SPACES.contains(&c));
        skip_spaces(&mut rest);
        if rest.next_if_eq(&'=').is_none() {
            return Err(invalid(
                "the connection string holds a word without a value",
            ));
        }
        if is_secret(&keyword) {
            return Err(password());
        }
        skip_spaces(&mut rest);
        pairs.push((keyword, value(&mut rest)?));
    }
}

/// A backslash keeps the next character, in quotes and without.
fn value(rest: &mut Peekable<Chars>) -> Result<String, Error> {
    let quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.peek() {
            Some('\'') if quoted => {
                rest.next();
                return Ok(value);
            }
            None if quoted => {
                return Err(invalid(
                    "the connection string holds a quote that is not closed",
                ));
            }
            None => return Ok(value),
            Some(space) if !quoted && SPACES.contains(space) => return Ok(value),
            Some('\\') => {
                rest.next();
                value.extend(rest.next());
            }
            Some(_) => value.extend(rest.next()),
        }
    }
}

fn skip_spaces(rest: &mut Peekable<Chars>) {
    while rest.next_if(|c| SPACES.contains(c)).is_some() {}
}

fn take_until(rest: &mut Peekable<Chars>, ends: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(|c| !ends(*c))).collect()
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message).with_hint(
        "write host=HOST dbname=DATABASE user='ROLE', with quotes around a value that holds blanks",
    )
}

pub(super) fn password() -> Error {
    Error::new(
        ErrorKind::PasswordInUrl,
        "the connection string holds a password",
    )
    .with_hint("remove it: the token is the password, and it is fetched for you")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text).expect("it is valid")
    }

    #[rstest]
    #[case("host=h", &[("host", "h")])]
    #[case(" host = h\n user\t=\r\n u ", &[("host", "h"), ("user", "u")])]
    #[case("user='a b' dbname=d", &[("user", "a b"), ("dbname", "d")])]
    #[case(r"user='o\'hara' dbname='a\\b'", &[("user", "o'hara"), ("dbname", r"a\b")])]
    #[case(r"user=a\ b dbname=c\\d", &[("user", "a b"), ("dbname", r"c\d")])]
    #[case("user=o'hara", &[("user", "o'hara")])]
    #[case("user='' dbname=", &[("user", ""), ("dbname", "")])]
    #[case("user='a'dbname=d", &[("user", "a"), ("dbname", "d")])]
    #[case(r"user=a\", &[("user", "a")])]
    #[case("host= user=u", &[("host", "user=u")])]
    #[case("options='-c a=1'", &[("options", "-c a=1")])]
    fn it_is_read_as_libpq_reads_it(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        assert_eq!(pairs(text), expected.collect::<Vec<_>>());
    }

    #[rstest]
    #[case("host=h hunter2")]
    #[case("host=h user='hunter2")]
    #[case("host=h\u{1}hunter2")]
    #[case("host=h password=hunter2")]
    #[case("password='a hunter2'")]
    #[case("host=h user=u password = hunter2 x")]
    fn what_cannot_be_read_is_refused_and_not_repeated(#[case] text: &str) {
        let error = read(text).expect_err("must be refused");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let secret = text.contains("password");
        assert_eq!(error.kind() == ErrorKind::PasswordInUrl, secret, "{error}");
    }

    #[rstest]
    #[case("host=h", true)]
    #[case("host = h", true)]
    #[case("postgres://h/d?a=b", false)]
    #[case("localhost", false)]
    #[case("=", false)]
    fn the_form_is_told_by_its_first_word(#[case] text: &str, #[case] recognised: bool) {
        assert_eq!(recognises(text), recognised);
    }

    proptest! {
        #[test]
        fn every_value_survives_its_quoting(values in prop::collection::vec("[^\\p{Cc}]*", 1..4)) {
            let written = |value: &String| format!("user='{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
            let text: Vec<_> = values.iter().map(written).collect();
            let expected: Vec<_> = values.iter().map(|v| ("user".to_owned(), v.clone())).collect();
            prop_assert_eq!(pairs(&text.join(" ")), expected);
        }
    }
}
