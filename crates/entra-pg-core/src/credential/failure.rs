//! Turns a credential's error into one that names the cause and the cure.
//!
//! The original error is not kept: its `Debug` prints whole responses.

use std::{error::Error as StdError, fmt::Display, time::Duration};

use azure_core::{
    error::ErrorKind as AzureKind,
    http::{RawResponse, StatusCode},
};

use crate::{Error, ErrorKind, connect::chain};

/// `last_response` is what the endpoint responded last, and `hint` what to do if it refused.
pub(super) fn explain(
    credential: &dyn Display,
    last_response: Option<String>,
    hint: &str,
    error: &azure_core::Error,
) -> Error {
    let response = HttpResponse::find(error);
    let reason = chain(error)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let message = match (&response, last_response) {
        (Some(response), _) => format!(
            "{credential} got HTTP {} from the token endpoint: {reason}",
            response.status
        ),
        (None, Some(last)) => format!("{credential} got no token: {reason} (last: {last})"),
        (None, None) => format!("{credential} got no token: {reason}"),
    };
    let cause = Cause::of(error, response.as_ref());
    Error::new(ErrorKind::TokenRequest, message)
        .with_hint(cause.hint().unwrap_or(hint))
        .transient(matches!(cause, Cause::Endpoint | Cause::Unreachable))
        .with_retry_after(response.and_then(|response| response.retry_after))
}

/// Why there is no token, as far as it decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The endpoint refused: a retry will not help.
    Refused,
    /// The endpoint is unavailable or busy.
    Endpoint,
    /// Nothing could be reached.
    Unreachable,
    /// Something responded, but not with a token.
    Nonsense,
    /// A program or the user's own credential failed.
    Other,
}

impl Cause {
    fn of(error: &azure_core::Error, response: Option<&HttpResponse>) -> Self {
        if let Some(response) = response {
            return Self::of_status(response.status);
        }
        let mut causes = azure_errors(error).map(azure_core::Error::kind);
        causes
            .find_map(|kind| match kind {
                AzureKind::Connection | AzureKind::Io => Some(Self::Unreachable),
                AzureKind::DataConversion => Some(Self::Nonsense),
                _ => None,
            })
            .unwrap_or(Self::Other)
    }

    /// 404 and 410 are how the metadata service of a virtual machine says that it is being updated.
    /// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>
    fn of_status(status: StatusCode) -> Self {
        match u16::from(status) {
            404 | 408 | 410 | 429 | 500..=599 => Self::Endpoint,
            200..=299 => Self::Nonsense,
            _ => Self::Refused,
        }
    }

    /// What to do, whatever the credential is.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::Endpoint => Some("the endpoint is unavailable or busy; it is retried"),
            Self::Unreachable => Some("check that the token endpoint can be reached from here"),
            Self::Nonsense => Some(
                "the response is no token: another service or a proxy may respond at this address",
            ),
            Self::Refused | Self::Other => None,
        }
    }
}

struct HttpResponse {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl HttpResponse {
    fn find(error: &azure_core::Error) -> Option<Self> {
        azure_errors(error).find_map(|error| match error.kind() {
            AzureKind::HttpResponse {
                status,
                raw_response,
                ..
            } => Some(Self {
                status: *status,
                retry_after: raw_response.as_deref().and_then(retry_after),
            }),
            _ => None,
        })
    }
}

fn azure_errors(error: &azure_core::Error) -> impl Iterator<Item = &azure_core::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        next = current.source();
        Some(current)
    })
    .filter_map(|error| error.downcast_ref())
}

/// In seconds; the date form of the header is not used by the endpoints that we talk to.
fn retry_after(response: &RawResponse) -> Option<Duration> {
    let header = azure_core::http::headers::RETRY_AFTER;
    let seconds = response.headers().get_optional_str(&header)?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::headers::Headers;
    use rstest::rstest;

    fn http_error(status: u16, retry_after: Option<&'static str>) -> azure_core::Error {
        let mut headers = Headers::new();
        if let Some(value) = retry_after {
            headers.insert(azure_core::http::headers::RETRY_AFTER, value);
        }
        let raw = RawResponse::from_bytes(status.into(), headers, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln");
        let inner = azure_core::Error::new(
            AzureKind::HttpResponse {
                status: status.into(),
                error_code: None,
                raw_response: Some(Box::new(raw)),
            },
            "the body: eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        );
        azure_core::Error::with_error(AzureKind::Credential, inner, "failed")
    }

    fn explained(error: &azure_core::Error) -> Error {
        explain(&"managed identity", None, "assign the identity", error)
    }

    #[rstest]
    #[case(400, false, "assign the identity")]
    #[case(404, true, "retried")]
    #[case(429, true, "retried")]
    #[case(503, true, "retried")]
    #[case(403, false, "assign the identity")]
    #[case(200, false, "another service or a proxy")]
    fn an_endpoints_refusal_names_status_and_cure(
        #[case] status: u16,
        #[case] transient: bool,
        #[case] cure: &str,
    ) {
        let error = explained(&http_error(status, None));
        assert_eq!(error.is_transient(), transient);
        let text = error.to_string();
        assert!(
            text.contains(&format!("HTTP {status}")) && text.contains(cure),
            "{text}"
        );
        assert!(!format!("{text}{error:?}").contains("eyJ"), "{text}");
    }

    #[rstest]
    #[case::unreachable(AzureKind::Io, true, "can be reached")]
    #[case::cut_off(AzureKind::Connection, true, "can be reached")]
    #[case::html(AzureKind::DataConversion, false, "another service or a proxy")]
    #[case::the_credentials_own(AzureKind::Credential, false, "assign the identity")]
    fn what_never_became_an_response_names_its_own_cure(
        #[case] kind: AzureKind,
        #[case] transient: bool,
        #[case] cure: &str,
    ) {
        let inner = azure_core::Error::with_message(kind, "scripted");
        let outer = azure_core::Error::with_error(AzureKind::Credential, inner, "failed");
        let error = explained(&outer);
        assert_eq!(error.is_transient(), transient);
        let text = error.to_string();
        assert!(text.contains("scripted") && text.contains(cure), "{text}");
    }

    #[test]
    fn retry_after_is_not_lost_in_the_chain() {
        let error = explained(&http_error(429, Some("17")));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
    }
}
