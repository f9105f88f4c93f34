//! Responses to clients when something fails. The cause is logged.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sea_orm::DbErr;
use serde_json::json;

pub enum AppError {
    Invalid(&'static str),
    NotFound,
    Database(DbErr),
}

impl From<DbErr> for AppError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Invalid(message) => (StatusCode::UNPROCESSABLE_ENTITY, message),
            Self::NotFound => (StatusCode::NOT_FOUND, "not found"),
            Self::Database(error @ (DbErr::ConnectionAcquire(_) | DbErr::Conn(_))) => {
                tracing::error!(%error, "no connection to the database");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database cannot be reached",
                )
            }
            Self::Database(error) => {
                tracing::error!(%error, "query failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}
