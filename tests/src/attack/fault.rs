//! What may not hold.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another kind of error, or none.
    Kind,
    /// The right kind, but not the words that name the cause.
    Words,
    /// Longer than the deadline.
    Time,
    /// More than a process needs.
    Memory,
    /// Something that a terminal would obey, or a second line.
    Characters,
    /// A token was printed.
    TokenPrinted,
    /// A token left without TLS.
    TokenInClear,
    /// A server whose certificate is wrong, or that did not ask for it, got a token.
    TokenUnasked,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "the wrong kind of error",
            Self::Words => "the wrong words",
            Self::Time => "over its deadline",
            Self::Memory => "too much memory",
            Self::Characters => "control characters, or more than one line",
            Self::TokenPrinted => "a token was printed",
            Self::TokenInClear => "a token left without TLS",
            Self::TokenUnasked => "the token reached a server that should not have it",
        })
    }
}
