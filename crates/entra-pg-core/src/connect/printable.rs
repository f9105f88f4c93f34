//! The one rule for text from outside: it is one line, and does nothing to a terminal.

/// Returns `false` for what moves a terminal's cursor, ends a line, reorders text, or cannot be seen: control characters (C0,
/// DEL, C1), line and paragraph separators, bidirectional marks, zero-width and other invisible characters.
///
/// ```
/// use entra_pg_core::connect::is_printable;
///
/// assert!(is_printable('é') && is_printable(' '));
/// assert!(!is_printable('\u{1b}') && !is_printable('\u{202e}'));
/// ```
#[must_use]
pub fn is_printable(c: char) -> bool {
    // Unicode's categories Cc, Cf, Zl and Zp, less the Arabic number signs, which are visible; and what is ignorable by default.
    // <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{70f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns the text in one line without anything that is not [printable](is_printable): line breaks and tabs become a space,
/// all else is written as Rust does, `\u{1b}`.
///
/// ```
/// use entra_pg_core::connect::one_line;
///
/// assert_eq!(one_line("no\r\nway\u{7}"), "no way\\u{7}");
/// ```
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_printable(c) => line.push(c),
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            c => line.extend(c.escape_unicode()),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("role \"é\", 日本, 👍", "role \"é\", 日本, 👍")]
    #[case::line_feed("a\nFATAL: b", "a FATAL: b")]
    #[case::carriage_return("a\rb", "a b")]
    #[case::both("a\r\n\r\n b", "a  b")]
    #[case::tab("a\tb", "a b")]
    #[case::vertical_tab_and_form_feed("a\u{b}\u{c}b", "a b")]
    #[case::next_line("a\u{85}b", "a b")]
    #[case::separators("a\u{2028}b\u{2029}c", "a b c")]
    #[case::escape("\u{1b}[31mred", "\\u{1b}[31mred")]
    #[case::bell("a\u{7}", "a\\u{7}")]
    #[case::nul("a\0b", "a\\u{0}b")]
    #[case::backspace("a\u{8}", "a\\u{8}")]
    #[case::delete("a\u{7f}", "a\\u{7f}")]
    #[case::control_sequence_introducer("a\u{9b}2J", "a\\u{9b}2J")]
    #[case::right_to_left_override("a\u{202e}b", "a\\u{202e}b")]
    #[case::isolates("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}")]
    #[case::marks("\u{200e}\u{200f}\u{61c}", "\\u{200e}\\u{200f}\\u{61c}")]
    #[case::zero_width(
        "a\u{200b}\u{200d}\u{2060}\u{feff}b",
        "a\\u{200b}\\u{200d}\\u{2060}\\u{feff}b"
    )]
    #[case::soft_hyphen("a\u{ad}b", "a\\u{ad}b")]
    #[case::tags("a\u{e0041}", "a\\u{e0041}")]
    fn text_from_outside_is_one_line(#[case] text: &str, #[case] line: &str) {
        assert_eq!(one_line(text), line);
    }

    proptest! {
        #[test]
        fn nothing_but_printable_characters_is_left_and_those_all_are(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(line.chars().all(is_printable), "{:?}", line);
            // Told apart from the code under test on purpose.
            let hidden = |c: char| c.is_control() || ['\u{200b}', '\u{202e}', '\u{2028}', '\u{2066}'].contains(&c);
            prop_assert!(!line.contains(hidden), "{:?}", line);
            prop_assert_eq!(line.lines().count(), usize::from(!line.is_empty()));
            prop_assert_eq!(one_line(&line), line.as_str(), "once is enough");
            let printable = text.chars().filter(|c| is_printable(*c)).count();
            prop_assert!(line.chars().count() >= printable);
            if text.chars().all(is_printable) {
                prop_assert_eq!(line, text);
            }
        }
    }
}
