//! Turns what a credential says into an error that names the cause and the cure.
//!
//! The original error is not kept: its `Debug` prints whole responses.

use std::{error::Error as StdError, time::Duration};

use azure_core::{
    error::ErrorKind as AzureKind,
    http::{RawResponse, StatusCode},
};

use super::{Credential, selection::Selection};
use crate::{Error, ErrorKind, connect::chain};

pub(super) fn explain(credential: &Credential, error: &azure_core::Error) -> Error {
    let answer = HttpAnswer::find(error);
    let reason = chain(error)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let message = match (&answer, credential.last_answer()) {
        (Some(answer), _) => format!(
            "{credential} got HTTP {} from the token endpoint: {reason}",
            answer.status
        ),
        (None, Some(last)) => format!("{credential} got no token: {reason} (last: {last})"),
        (None, None) => format!("{credential} got no token: {reason}"),
    };
    let cause = Cause::of(error, answer.as_ref());
    Error::new(ErrorKind::TokenRequest, message)
        .with_hint(hint(credential.selection(), cause))
        .transient(matches!(cause, Cause::Endpoint | Cause::Unreachable))
        .with_retry_after(answer.and_then(|answer| answer.retry_after))
}

/// Why there is no token, as far as it decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The endpoint refused: asking again will not help.
    Refused,
    /// The endpoint is ill or busy.
    Endpoint,
    /// Nothing could be reached.
    Unreachable,
    /// Something answered, but not with a token.
    Nonsense,
    /// A program or the user's own credential failed.
    Other,
}

impl Cause {
    fn of(error: &azure_core::Error, answer: Option<&HttpAnswer>) -> Self {
        if let Some(answer) = answer {
            return Self::of_status(answer.status);
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
}

struct HttpAnswer {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl HttpAnswer {
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

fn hint(selection: Option<&Selection>, cause: Cause) -> String {
    match (selection, cause) {
        (_, Cause::Endpoint) => "the endpoint is ill or busy; it is asked again".into(),
        (_, Cause::Unreachable) => "check that the token endpoint can be reached from here".into(),
        (_, Cause::Nonsense) => {
            "the answer is no token: another service or a proxy may answer at this address".into()
        }
        (Some(Selection::ManagedIdentity(_)), _) => {
            "assign the identity to this resource, and if it is user-assigned set \
            AZURE_CLIENT_ID to its client id"
                .into()
        }
        (Some(Selection::WorkloadIdentity { .. }), _) => {
            "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the federated credential \
            of the identity for this service account"
                .into()
        }
        (Some(Selection::ClientSecret { .. }), _) => {
            "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET".into()
        }
        (Some(Selection::AzureCli), _) => "run az login".into(),
        (Some(Selection::AzureDeveloperCli), _) => "run azd auth login".into(),
        (None, _) => "the message is the credential's own".into(),
    }
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

    fn managed() -> Credential {
        Credential::azure(Selection::ManagedIdentity(
            super::super::ManagedIdentity::SystemAssigned,
        ))
        .expect("a managed identity needs no settings")
    }

    #[rstest]
    #[case(400, false, "assign the identity")]
    #[case(404, true, "asked again")]
    #[case(429, true, "asked again")]
    #[case(503, true, "asked again")]
    #[case(403, false, "assign the identity")]
    #[case(200, false, "another service or a proxy")]
    fn an_endpoints_refusal_names_status_and_cure(
        #[case] status: u16,
        #[case] transient: bool,
        #[case] cure: &str,
    ) {
        let error = explain(&managed(), &http_error(status, None));
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
    fn what_never_became_an_answer_names_its_own_cure(
        #[case] kind: AzureKind,
        #[case] transient: bool,
        #[case] cure: &str,
    ) {
        let inner = azure_core::Error::with_message(kind, "scripted");
        let outer = azure_core::Error::with_error(AzureKind::Credential, inner, "failed");
        let error = explain(&managed(), &outer);
        assert_eq!(error.is_transient(), transient);
        let text = error.to_string();
        assert!(text.contains("scripted") && text.contains(cure), "{text}");
    }

    #[test]
    fn retry_after_is_not_lost_in_the_chain() {
        let error = explain(&managed(), &http_error(429, Some("17")));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
    }
}
