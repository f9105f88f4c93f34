//! What sqlx 0.8 leaves undone of what sqlx 0.9 does. All other sources are shared with the crate for that version.

/// A name or value for `PgConnectOptions::options`, which sends it as it is: the server would end it at a blank.
pub(crate) fn setting(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_in_a_setting_does_not_begin_another_setting() {
        assert_eq!(setting("1 -c role=x"), r"1\ -c\ role=x");
        assert_eq!(setting("a\\\tb"), "a\\\\\\\tb");
        assert_eq!(setting("app,public"), "app,public");
    }
}
