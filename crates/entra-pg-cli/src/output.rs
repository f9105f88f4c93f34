//! Standard output and standard error.

use std::io::{self, Write};

use serde::Serialize;

use crate::{failure::Failure, status};

/// Prints a text that ends with its own line break.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Whoever reads us may have gone, as `head` does; that is nothing to complain about.
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

/// Says something to people.
pub(crate) fn complain(message: &str) {
    _ = writeln!(io::stderr(), "entra-pg: {message}");
}
