//! Responses to clients when something fails. The cause is logged.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use diesel_async::pooled_connection::bb8::RunError;
use serde_json::json;

pub enum AppError {
    Invalid(&'static str),
    NotFound,
    NoConnection(RunError),
    Query(diesel::result::Error),
}

impl From<RunError> for AppError {
    fn from(error: RunError) -> Self {
        Self::NoConnection(error)
    }
}

impl From<diesel::result::Error> for AppError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Query(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Invalid(message) => (StatusCode::UNPROCESSABLE_ENTITY, message),
            Self::NotFound => (StatusCode::NOT_FOUND, "not found"),
            Self::NoConnection(error) => {
                // It only says that time is up. The adapter has logged why, when it happened.
                tracing::error!(%error, "no connection to the database");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database cannot be reached",
                )
            }
            Self::Query(error) => {
                tracing::error!(%error, "query failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}
