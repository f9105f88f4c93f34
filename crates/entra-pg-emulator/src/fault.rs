//! Faults of the token endpoints.

use std::{fmt, str::FromStr, time::Duration};

/// A fault of the token endpoints. On the command line and in the control API its name is in kebab-case, such as
/// `service-unavailable` or `too-many-requests:30s`.
///
/// ```
/// use entra_pg_emulator::Fault;
/// let fault: Fault = "service-unavailable".parse()?;
/// assert_eq!(fault, Fault::ServiceUnavailable);
/// # Ok::<(), entra_pg_emulator::UnknownFault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Status 400, as for an identity that is not assigned.
    BadRequest,
    /// Status 500.
    InternalServerError,
    /// Status 503.
    ServiceUnavailable,
    /// Status 429.
    TooManyRequests {
        /// Sent as `Retry-After`, in whole seconds. One second when not given.
        retry_after: Duration,
    },
    /// Status 200 with a web page, as captive portals and proxies send it.
    Html,
    /// A valid response whose token is empty.
    EmptyToken,
    /// A valid response without the time at which the token expires.
    NoExpiry,
    /// No response; the connection stays open.
    Hang,
    /// The connection is reset.
    Reset,
    /// Status 200 with a body that is declared as JSON but is not.
    Garbage,
}

/// The faults without a parameter, by name.
const NAMES: [(&str, Fault); 9] = [
    ("bad-request", Fault::BadRequest),
    ("internal-server-error", Fault::InternalServerError),
    ("service-unavailable", Fault::ServiceUnavailable),
    ("html", Fault::Html),
    ("empty-token", Fault::EmptyToken),
    ("no-expiry", Fault::NoExpiry),
    ("hang", Fault::Hang),
    ("reset", Fault::Reset),
    ("garbage", Fault::Garbage),
];
const TOO_MANY_REQUESTS: &str = "too-many-requests";

/// Returned when a name is not that of a [`Fault`].
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownFault(String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NAMES.map(|(name, _)| name).join(", ");
        write!(
            f,
            "unknown fault `{}`; known are {names}, {TOO_MANY_REQUESTS}[:DURATION]",
            self.0
        )
    }
}

impl fmt::Debug for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for UnknownFault {}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        if let Some((_, fault)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*fault);
        }
        let retry_after = match text.strip_prefix(TOO_MANY_REQUESTS) {
            Some("") => Some(Duration::from_secs(1)),
            Some(rest) => rest
                .strip_prefix(':')
                .and_then(|duration| humantime::parse_duration(duration).ok()),
            None => None,
        };
        retry_after
            .map(|retry_after| Self::TooManyRequests { retry_after })
            .ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::TooManyRequests { retry_after } = self {
            let retry_after = humantime::format_duration(*retry_after);
            return write!(f, "{TOO_MANY_REQUESTS}:{retry_after}");
        }
        let name = NAMES.iter().find(|(_, fault)| fault == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_round_trips_through_its_name() {
        let retry_after = Duration::from_secs(90);
        let with_parameter = Fault::TooManyRequests { retry_after };
        let unit = NAMES.map(|(_, fault)| fault);
        for fault in unit.into_iter().chain([with_parameter]) {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        for wrong in ["", "503", "too-many-requests:soon", "Hang"] {
            let message = wrong.parse::<Fault>().unwrap_err().to_string();
            assert!(
                message.contains(wrong) && message.contains("service-unavailable"),
                "{message}"
            );
        }
    }
}
