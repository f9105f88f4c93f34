//! What sqlx 0.9 does and sqlx 0.8 does not. All other sources are shared with the crate for that version.

/// A name or value for `PgConnectOptions::options`, which escapes blanks and backslashes itself.
pub(crate) fn setting(text: &str) -> &str {
    text
}
