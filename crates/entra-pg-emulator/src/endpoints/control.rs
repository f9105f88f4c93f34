//! The control API over HTTP: [`Control`] for programs in any language. The crate's README documents it.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, patch, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::response::{Refusal, bad_request};
use crate::{Control, Error, TokenSpec, settings::Settings};

pub(super) fn routes(control: Control) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/settings", patch(settings))
        .route("/revoke", post(revoke))
        .route("/rotate-keys", post(rotate_keys))
        .route("/restart-postgres", post(restart_postgres))
        .route("/terminate-connections", post(terminate_connections))
        .route("/token", post(token))
        .with_state(control)
}

/// A token to mint, as JSON.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Mint {
    role: Option<String>,
    audience: Option<String>,
    lifetime: Option<i64>,
    other_key: bool,
}

async fn status(State(control): State<Control>) -> Json<Value> {
    let tenant = &control.tenant;
    let roles = tenant.identities.iter().map(|identity| {
        json!({
            "name": identity.name(), "kind": identity.kind().name(), "object_id": identity.object_id(),
            "client_id": identity.client_id(), "resource_id": identity.resource_id(),
        })
    });
    let logins = control.logins();
    Json(json!({
        "token_requests": control.token_requests(),
        "tokens_issued": control.tokens_issued(),
        "logins": { "accepted": logins.accepted, "rejected": logins.rejected },
        "last_rejection": control.last_rejection(),
        "connections": control.connections().await.ok(),
        "settings": tenant.settings(),
        "audience": tenant.audience,
        "roles": roles.collect::<Vec<_>>(),
    }))
}

async fn settings(State(control): State<Control>, body: String) -> Result<Json<Settings>, Refusal> {
    let change = parse(&body)?;
    control
        .change(|settings| {
            *settings = settings.with(change)?;
            Ok(Json(settings.clone()))
        })
        .map_err(invalid)
}

async fn revoke(
    State(control): State<Control>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<StatusCode, Refusal> {
    let role = query
        .get("role")
        .ok_or_else(|| bad_request("bad_request", "the parameter `role` is missing"))?;
    done(control.revoke(role))
}

async fn rotate_keys(State(control): State<Control>) -> Result<StatusCode, Refusal> {
    done(control.rotate_keys().await)
}

async fn restart_postgres(State(control): State<Control>) -> Result<StatusCode, Refusal> {
    done(control.restart_postgres().await)
}

async fn terminate_connections(State(control): State<Control>) -> Result<StatusCode, Refusal> {
    done(control.terminate_connections().await)
}

async fn token(State(control): State<Control>, body: String) -> Result<String, Refusal> {
    let mint: Mint = parse(if body.trim().is_empty() { "{}" } else { &body })?;
    let tenant = &control.tenant;
    let role = mint.role.as_deref().unwrap_or(tenant.default_role());
    if tenant.identity(role).is_none() {
        return Err(tenant.unknown_role(role).into());
    }
    let spec = TokenSpec {
        audience: mint.audience,
        lifetime: mint.lifetime,
        other_key: mint.other_key,
        ..TokenSpec::new(role)
    };
    Ok(tenant.mint(&spec)?)
}

/// Reads a body whatever its content type, since `curl -d` does not send JSON's.
fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Refusal> {
    serde_json::from_str(body).map_err(invalid)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn invalid(error: serde_json::Error) -> Refusal {
    bad_request("bad_request", error.to_string())
}

fn done(result: Result<(), Error>) -> Result<StatusCode, Refusal> {
    Ok(result.map(|()| StatusCode::NO_CONTENT)?)
}
