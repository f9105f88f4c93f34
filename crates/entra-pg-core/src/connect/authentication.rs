//! What a server can request in place of a token. Pure.

use std::borrow::Cow;

/// Returns what a server requests with this code of an `Authentication` message, such as `a SCRAM password`; `None` for a
/// cleartext password, which is the token, and for a success. For [`Failure::not_entra`](super::Failure::not_entra).
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
///
/// ```
/// use entra_pg_core::connect::unsupported_authentication;
///
/// assert_eq!(unsupported_authentication(3), None);
/// assert_eq!(unsupported_authentication(10).as_deref(), Some("a SCRAM password"));
/// ```
pub fn unsupported_authentication(code: u32) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(match code {
        0 | 3 => return None,
        2 => "a Kerberos V5 ticket",
        4 => "a crypt password",
        5 => "an MD5 password",
        6 => "SCM credentials",
        7 | 8 => "a Kerberos ticket (GSSAPI)",
        9 => "a Windows login (SSPI)",
        10..=12 => "a SCRAM password",
        other => {
            return Some(Cow::Owned(format!(
                "authentication of an unknown kind ({other})"
            )));
        }
    }))
}

/// What it then means, for the hint.
pub(super) fn is_password(requested: &str) -> bool {
    requested.ends_with("password")
}
