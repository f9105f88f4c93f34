//! Errors as OAuth 2.0 formats them.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::Error;

/// A status, an error code, and a description.
pub(super) struct Refusal(
    pub(super) StatusCode,
    pub(super) &'static str,
    pub(super) String,
);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, description) = self;
        let body = json!({ "error": code, "error_description": description });
        (status, Json(body)).into_response()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match error {
            Error::UnknownRole { .. } => (StatusCode::NOT_FOUND, "unknown_role"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        Self(status, code, error.to_string())
    }
}

pub(super) fn bad_request(code: &'static str, description: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, code, description.into())
}

/// Marks a response in whose place the server resets the connection.
#[derive(Clone, Copy)]
pub(super) struct Reset;
