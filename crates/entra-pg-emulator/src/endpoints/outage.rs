//! What all token requests pass: counting, latency, faults.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use axum::{
    Extension, Json,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

use super::response::{Refusal, Reset, bad_request};
use crate::{Fault, entra::Tenant};

/// Counts the request, waits, and responds in place of the endpoint while there is a fault.
pub(super) async fn layer(
    State(tenant): State<Arc<Tenant>>,
    request: Request,
    next: Next,
) -> Response {
    tenant.token_requests.fetch_add(1, Relaxed);
    let latency = tenant.settings().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let Some(fault) = tenant.settings().fault else {
        return next.run(request).await;
    };
    tracing::debug!(target: "entra_pg_emulator", %fault, "token request");
    let refusal = |status, code, description: &str| {
        Refusal(status, code, description.to_owned()).into_response()
    };
    match fault {
        Fault::BadRequest => bad_request("invalid_request", "Identity not found").into_response(),
        Fault::InternalServerError => refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "An internal error occurred",
        ),
        Fault::ServiceUnavailable => refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The service is temporarily unavailable",
        ),
        Fault::TooManyRequests { retry_after } => {
            let retry_after = [(header::RETRY_AFTER, retry_after.as_secs().to_string())];
            let (status, text) = (StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            (retry_after, refusal(status, "too_many_requests", text)).into_response()
        }
        Fault::Html => {
            Html("<html><head><title>Sign in</title></head><body>Please sign in.</body></html>")
                .into_response()
        }
        Fault::Garbage => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (json, r#"{"access_token": ey"#).into_response()
        }
        Fault::Hang => std::future::pending().await,
        Fault::Reset => (Extension(Reset), ()).into_response(),
        // These change what the endpoint responds.
        Fault::EmptyToken | Fault::NoExpiry => next.run(request).await,
    }
}

/// An endpoint's response, without what a fault removes from it.
pub(super) fn respond(tenant: &Tenant, mut body: Value) -> Response {
    if let (Some(fault), Value::Object(fields)) = (tenant.settings().fault, &mut body) {
        for (name, value) in fields.iter_mut() {
            if fault == Fault::EmptyToken && (name == "access_token" || name == "accessToken") {
                *value = json!("");
            }
        }
        fields.retain(|name, _| fault != Fault::NoExpiry || !name.contains("expires"));
    }
    // As on Azure: no proxy between may cache a token.
    let uncached = [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    (uncached, Json(body)).into_response()
}
