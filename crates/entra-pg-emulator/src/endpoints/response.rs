//! Responses that several endpoints send.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Marks a response in whose place the server resets the connection.
#[derive(Clone, Copy)]
pub(super) struct Reset;

/// An error as OAuth 2.0 formats it.
pub(super) fn error(status: StatusCode, code: &str, description: &str) -> Response {
    (
        status,
        Json(json!({ "error": code, "error_description": description })),
    )
        .into_response()
}
