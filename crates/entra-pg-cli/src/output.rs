//! Standard output and standard error.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use entra_pg_core::connect::{is_printable, one_line};
use serde::Serialize;

use crate::{failure::Failure, status};

/// Prints a text that ends with a line break.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The reader may have closed the pipe, as `head` does; that is no error to report.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(bytes)
        .and_then(|()| output.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::silent(status::OTHER),
            _ => Failure::new(status::OTHER, format!("cannot write the output: {error}")),
        })
}

pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(status::OTHER, error.to_string()))?;
    print(&format!("{}\n", printable_json(&json)))
}

/// Escapes what does something to a terminal. JSON's own rules leave DEL, C1 and bidirectional marks as they are.
fn printable_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_printable(c) || c == '\n' {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// Prints an error to stderr, in one line.
pub(crate) fn eprint_error(message: &str) {
    _ = writeln!(io::stderr(), "entra-pg: {}", one_line(message));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_does_nothing_to_a_terminal_and_means_the_same() {
        let raw = "é👍\u{7f}\u{9b}2J\u{202e}\u{e0041}\u{1b}\n";
        let json = printable_json(&serde_json::to_string_pretty(&[raw]).expect("JSON"));
        assert!(json.chars().all(|c| is_printable(c) || c == '\n'), "{json}");
        assert!(
            json.contains("é👍\\u007f\\u009b2J\\u202e\\udb40\\udc41"),
            "{json}"
        );
        let [parsed]: [String; 1] = serde_json::from_str(&json).expect("still JSON");
        assert_eq!(parsed, raw);
    }
}
