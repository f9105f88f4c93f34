//! Turns a credential's error into one that names the cause and the cure.
//!
//! The original error is not kept: its `Debug` prints whole responses.

use std::{
    error::Error as StdError,
    fmt::{self, Display},
    time::{Duration, SystemTime},
};

use azure_core::{
    error::ErrorKind as AzureKind,
    http::{
        RawResponse, StatusCode,
        headers::{HeaderName, RETRY_AFTER, RETRY_AFTER_MS, X_MS_RETRY_AFTER_MS},
    },
    time::parse_rfc7231,
};

use crate::{Error, ErrorKind, connect::chain};

/// `last_response` is what the endpoint responded last, and `hint` what to do if it refused.
pub(super) fn explain(
    credential: &dyn Display,
    last_response: Option<String>,
    hint: &str,
    error: &azure_core::Error,
) -> Error {
    if let Some(own) = sources(error).find_map(|error| error.downcast_ref::<Error>()) {
        let message = format!("{credential} got no token: {}", own.message());
        return Error::new(ErrorKind::TokenRequest, message).with_hint(own.cure());
    }
    let error = Final::within(error).unwrap_or(error);
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
        .with_transient(matches!(cause, Cause::Endpoint | Cause::Unreachable))
        .with_retry_after(response.and_then(|response| response.retry_after))
}

/// One of our errors as one of the Azure SDK's, in which [`explain`] finds it.
pub(super) fn wrapped(error: Error) -> azure_core::Error {
    let text = error.message().to_owned();
    azure_core::Error::with_error(AzureKind::Credential, error, text)
}

/// Whether an endpoint that responds so may soon respond with a token. 404 and 410 are how the metadata service of a virtual
/// machine says that it is being updated.
/// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>
pub(super) fn is_transient(status: StatusCode) -> bool {
    matches!(u16::from(status), 404 | 408 | 410 | 429 | 500..=599)
}

/// A failure that the Azure SDK does not retry within the request: it would sleep for as long as `Retry-After` says, and
/// the cause would never be seen.
#[derive(Debug)]
pub(super) struct Final(azure_core::Error);

impl Final {
    /// Of a kind that no policy of the SDK retries.
    pub(super) fn error(error: azure_core::Error) -> azure_core::Error {
        let text = error.to_string();
        azure_core::Error::with_error(AzureKind::Other, Self(error), text)
    }

    fn within(error: &azure_core::Error) -> Option<&azure_core::Error> {
        sources(error).find_map(|error| Some(&error.downcast_ref::<Self>()?.0))
    }
}

impl Display for Final {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Final {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
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

    fn of_status(status: StatusCode) -> Self {
        match u16::from(status) {
            _ if is_transient(status) => Self::Endpoint,
            200..=299 => Self::Nonsense,
            _ => Self::Refused,
        }
    }

    /// What to do, whatever the credential is.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::Endpoint => Some(
                "the endpoint is unavailable or busy; requests are retried while a connect has time left",
            ),
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
    sources(error).filter_map(|error| error.downcast_ref())
}

/// The error and all its sources.
fn sources(error: &azure_core::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
}

/// From the headers that the Azure SDK reads, in its order. A value without a meaning is passed over.
fn retry_after(response: &RawResponse) -> Option<Duration> {
    let header = |name: HeaderName| response.headers().get_optional_string(&name);
    let milliseconds = |text: String| seconds(&text, 1e-3);
    header(X_MS_RETRY_AFTER_MS)
        .and_then(milliseconds)
        .or_else(|| header(RETRY_AFTER_MS).and_then(milliseconds))
        .or_else(|| {
            let text = header(RETRY_AFTER)?;
            seconds(&text, 1.0).or_else(|| until(&text))
        })
}

/// A positive number of units, of so many seconds each. One that is too large for a duration means for ever.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.trim().parse().ok()?;
    let time = || Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX);
    (number > 0.0).then(time)
}

fn until(date: &str) -> Option<Duration> {
    let date = SystemTime::from(parse_rfc7231(date.trim()).ok()?);
    date.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::headers::Headers;
    use rstest::rstest;

    fn http_error(status: u16, header: Option<(&'static str, &'static str)>) -> azure_core::Error {
        let mut headers = Headers::new();
        if let Some((name, value)) = header {
            headers.insert(name, value);
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

    #[rstest]
    #[case::seconds("retry-after", "17", Some(17_000))]
    #[case::with_spaces("retry-after", " 17 ", Some(17_000))]
    #[case::a_fraction("retry-after", "0.5", Some(500))]
    #[case::milliseconds("retry-after-ms", "1500", Some(1_500))]
    #[case::microsofts_milliseconds("x-ms-retry-after-ms", "1500", Some(1_500))]
    #[case::huge("retry-after", "99999999999999999999999", Some(u128::MAX))]
    #[case::huge_milliseconds("retry-after-ms", "99999999999999999999999999", Some(u128::MAX))]
    #[case::zero("retry-after", "0", None)]
    #[case::negative("retry-after", "-5", None)]
    #[case::a_date_in_the_past("retry-after", "Fri, 01 Jan 2021 00:00:00 GMT", None)]
    #[case::garbage("retry-after", "soon", None)]
    #[case::no_number("retry-after-ms", "NaN", None)]
    fn retry_after_is_read_in_every_form_and_not_lost_in_the_chain(
        #[case] header: &'static str,
        #[case] value: &'static str,
        #[case] milliseconds: Option<u128>,
    ) {
        let error = explained(&http_error(429, Some((header, value))));
        let read = error.retry_after().map(|time| match time {
            Duration::MAX => u128::MAX,
            time => time.as_millis(),
        });
        assert_eq!(read, milliseconds);
    }

    #[test]
    fn retry_after_may_be_a_date() {
        let date =
            azure_core::time::OffsetDateTime::from(SystemTime::now() + Duration::from_secs(60));
        let date = azure_core::time::to_rfc7231(&date);
        let error = explained(&http_error(503, Some(("retry-after", date.leak()))));
        let read = error.retry_after().map(|time| time.as_secs());
        assert!((50..=60).contains(&read.expect("a time")), "{read:?}");
    }

    #[test]
    fn what_the_sdk_must_not_retry_is_of_a_kind_that_it_does_not_and_loses_nothing() {
        for kind in [AzureKind::Io, AzureKind::Connection] {
            let error = Final::error(azure_core::Error::with_message(kind, "scripted"));
            assert!(matches!(error.kind(), AzureKind::Other));
            let error = error.with_context("which will not be retried");
            let error = explained(&error);
            assert!(error.is_transient());
            let text = error.to_string();
            assert!(
                text.contains("scripted") && !text.contains("will not"),
                "{text}"
            );
        }
    }
}
