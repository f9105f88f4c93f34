//! What the token endpoints do instead of answering.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// An outage of the token endpoints. Written in kebab-case, as in `service-unavailable` or
/// `too-many-requests:30s`, on the command line and in the control API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(try_from = "String", into = "String")]
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
    /// Status 200 with a web page, as captive portals and proxies answer.
    Html,
    /// An otherwise good answer whose token is empty.
    EmptyToken,
    /// An otherwise good answer that does not say when the token expires.
    NoExpiry,
    /// No answer at all; the connection stays open.
    Hang,
    /// The connection is reset.
    Reset,
    /// Status 200 with a body that claims to be JSON and is not.
    Garbage,
}

/// A name that is not one of [`Fault`]'s.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown fault `{0}`; known are bad-request, internal-server-error, service-unavailable, too-many-requests[:DURATION], \
     html, empty-token, no-expiry, hang, reset, garbage"
)]
pub struct UnknownFault(String);

impl fmt::Debug for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        Ok(match text {
            "bad-request" => Self::BadRequest,
            "internal-server-error" => Self::InternalServerError,
            "service-unavailable" => Self::ServiceUnavailable,
            "too-many-requests" => Self::TooManyRequests {
                retry_after: Duration::from_secs(1),
            },
            "html" => Self::Html,
            "empty-token" => Self::EmptyToken,
            "no-expiry" => Self::NoExpiry,
            "hang" => Self::Hang,
            "reset" => Self::Reset,
            "garbage" => Self::Garbage,
            _ => {
                let retry_after = text
                    .strip_prefix("too-many-requests:")
                    .ok_or_else(unknown)?;
                let retry_after = humantime::parse_duration(retry_after).map_err(|_| unknown())?;
                Self::TooManyRequests { retry_after }
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "bad-request",
            Self::InternalServerError => "internal-server-error",
            Self::ServiceUnavailable => "service-unavailable",
            Self::TooManyRequests { retry_after } => {
                return write!(
                    f,
                    "too-many-requests:{}",
                    humantime::format_duration(*retry_after)
                );
            }
            Self::Html => "html",
            Self::EmptyToken => "empty-token",
            Self::NoExpiry => "no-expiry",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Garbage => "garbage",
        })
    }
}

impl TryFrom<String> for Fault {
    type Error = UnknownFault;

    fn try_from(text: String) -> Result<Self, UnknownFault> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_survives_being_written_and_read() {
        for fault in [
            Fault::BadRequest,
            Fault::InternalServerError,
            Fault::ServiceUnavailable,
            Fault::TooManyRequests {
                retry_after: Duration::from_secs(90),
            },
            Fault::Html,
            Fault::EmptyToken,
            Fault::NoExpiry,
            Fault::Hang,
            Fault::Reset,
            Fault::Garbage,
        ] {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        for wrong in ["", "503", "too-many-requests:soon", "Hang"] {
            let message = wrong.parse::<Fault>().unwrap_err().to_string();
            assert!(
                message.contains(wrong) && message.contains("service-unavailable"),
                "{message}"
            );
        }
    }
}
