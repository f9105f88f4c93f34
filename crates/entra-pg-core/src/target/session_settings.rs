//! The session settings of `options`: libpq's `-c NAME=VALUE -c …`, read into pairs, because drivers take them so.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS>

use crate::{Error, ErrorKind};

/// What ends a word for the server: C's `isspace`.
pub(super) const SPACES: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

/// Splits at unescaped spaces, as the server does; a backslash keeps the next character.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let current = words.last_mut();
        match (character, current) {
            (space, _) if SPACES.contains(&space) => words.push(String::new()),
            ('\\', Some(word)) => word.extend(characters.next()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

pub(super) fn split(text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next()
        } else {
            word.strip_prefix("--")
                .or_else(|| word.strip_prefix("-c"))
                .map(str::to_owned)
        };
        let pair = setting.as_deref().and_then(|text| text.split_once('='));
        let (name, value) = pair.ok_or_else(|| invalid_setting(&word))?;
        settings.push(setting_of(name, value)?);
    }
    Ok(settings)
}

/// One setting. A name that is empty or holds an equals sign could not be written so that the server reads the same.
pub(super) fn setting_of(name: &str, value: &str) -> Result<(String, String), Error> {
    if name.is_empty() || name.contains('=') {
        return Err(invalid_setting(name));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn invalid_setting(word: &str) -> Error {
    Error::new(
        ErrorKind::InvalidTarget,
        format!("invalid setting {word:?} in options"),
    )
    .with_hint("write options=-c%20NAME%3DVALUE, or options[NAME]=VALUE")
}

pub(super) fn join(settings: &[(String, String)]) -> Option<String> {
    let escaped = |text: &str| {
        let escape = |c: char| (c == '\\' || SPACES.contains(&c)).then_some('\\');
        let characters = text.chars().flat_map(|c| escape(c).into_iter().chain([c]));
        characters.collect::<String>()
    };
    let join =
        |(name, value): &(String, String)| format!("-c {}={}", escaped(name), escaped(value));
    let all: Vec<_> = settings.iter().map(join).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("-c a=1 -cb=2 --c=3", "-c a=1 -c b=2 -c c=3")]
    #[case(r"-c search_path=a,\ b", r"-c search_path=a,\ b")]
    #[case(r"-c a=\\", r"-c a=\\")]
    #[case("-c a=\\\t1\r-c b=2", "-c a=\\\t1 -c b=2")]
    #[case("  ", "")]
    fn settings_keep_their_spaces(#[case] given: &str, #[case] expected: &str) {
        let settings = split(given).expect("valid settings");
        assert_eq!(join(&settings).unwrap_or_default(), expected);
    }

    #[rstest]
    #[case("-c")]
    #[case("-c a")]
    #[case("-x a=1")]
    #[case("a=1")]
    #[case("-c =1")]
    #[case("--=1")]
    fn what_is_invalid_setting_is_refused(#[case] given: &str) {
        assert!(split(given).is_err());
    }
}
