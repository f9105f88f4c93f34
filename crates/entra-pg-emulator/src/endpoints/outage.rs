//! What happens to a token request before and after an endpoint looks at it: counting, latency, faults.

use std::sync::atomic::Ordering::Relaxed;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

use super::response::{Reset, error};
use crate::{Fault, entra::Tenant};

/// Counts the request, waits, and answers instead of the endpoint when a fault says so.
pub(super) async fn before(tenant: &Tenant) -> Option<Response> {
    tenant.token_requests.fetch_add(1, Relaxed);
    let latency = tenant.settings().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let fault = tenant.settings().fault?;
    tracing::debug!(target: "entra_pg_emulator", %fault, "token request");
    Some(match fault {
        Fault::BadRequest => error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Identity not found",
        ),
        Fault::InternalServerError => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "An internal error occurred",
        ),
        Fault::ServiceUnavailable => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The service is temporarily unavailable",
        ),
        Fault::TooManyRequests { retry_after } => {
            let seconds = retry_after.as_secs().to_string();
            let answer = error(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
            );
            ([(header::RETRY_AFTER, seconds)], answer).into_response()
        }
        Fault::Html => {
            Html("<html><head><title>Sign in</title></head><body>Please sign in.</body></html>")
                .into_response()
        }
        Fault::Garbage => (
            [(header::CONTENT_TYPE, "application/json")],
            "{\"access_token\": ey",
        )
            .into_response(),
        Fault::Hang => std::future::pending().await,
        Fault::Reset => {
            let mut answer = StatusCode::OK.into_response();
            answer.extensions_mut().insert(Reset);
            answer
        }
        Fault::EmptyToken | Fault::NoExpiry => return None,
    })
}

/// Sends an endpoint's answer, with what a fault takes out of it.
pub(super) fn answer(tenant: &Tenant, mut body: Value) -> Response {
    if let (Some(fault), Value::Object(fields)) = (tenant.settings().fault, &mut body) {
        for (name, value) in fields.iter_mut() {
            if fault == Fault::EmptyToken && (name == "access_token" || name == "accessToken") {
                *value = json!("");
            }
        }
        fields.retain(|name, _| fault != Fault::NoExpiry || !name.contains("expires"));
    }
    // As real endpoints say it: nobody between may keep a token.
    (
        [
            (header::CACHE_CONTROL, "no-store"),
            (header::PRAGMA, "no-cache"),
        ],
        Json(body),
    )
        .into_response()
}
