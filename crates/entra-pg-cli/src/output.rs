//! Standard output and standard error.

use std::io::{self, Write};

use entra_pg_core::connect::one_line;
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
    print(&format!("{json}\n"))
}

/// Prints an error to stderr, in one line.
pub(crate) fn eprint_error(message: &str) {
    _ = writeln!(io::stderr(), "entra-pg: {}", one_line(message));
}
