//! See [`crate::fuzzing`].

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use std::time::Duration;

use azure_core::{
    error::ErrorKind as AzureKind,
    http::{RawResponse, headers},
};

use super::failure::explain;
use crate::{ErrorKind, fuzzing::assert_no_token};

/// An HTTP answer that is no token: the status in two bytes, a `Retry-After` header up to the end of the line, the body.
pub fn refusal(data: &[u8]) {
    let [high, low, rest @ ..] = data else { return };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let text = String::from_utf8_lossy(rest);
    let (retry_after, body) = text.split_once('\n').unwrap_or((&text, ""));
    let error = explain(
        &"a credential",
        None,
        "do this",
        &answer(status, retry_after, body),
    );

    assert_eq!(error.kind(), ErrorKind::TokenRequest);
    let said = format!("{error} {error:?}");
    assert_no_token(&said);
    assert!(
        said.contains(&status.to_string()) && said.len() < 20_000,
        "{said}"
    );
    assert!(!error.message().contains('\n'), "{said}");
    let helps = matches!(status, 404 | 408 | 410 | 429 | 500..);
    assert_eq!(error.is_transient(), helps, "{said}");
    let seconds: Result<u32, _> = retry_after.trim().parse();
    if let Ok(seconds) = seconds {
        let asked = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        assert_eq!(error.retry_after(), asked, "{said}");
    }
}

fn answer(status: u16, retry_after: &str, body: &str) -> azure_core::Error {
    let mut headers = headers::Headers::new();
    headers.insert(headers::RETRY_AFTER, retry_after.to_owned());
    let raw = RawResponse::from_bytes(status.into(), headers, body.to_owned());
    let kind = AzureKind::HttpResponse {
        status: status.into(),
        error_code: None,
        raw_response: Some(Box::new(raw)),
    };
    let inner = azure_core::Error::new(kind, format!("the body: {body}"));
    azure_core::Error::with_error(AzureKind::Credential, inner, "failed")
}
