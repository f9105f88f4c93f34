//! The control API over HTTP: [`Control`] for programs in any language. The crate's README documents it.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::response::error;
use crate::{Control, Error, TokenSpec, settings::Change};

pub(super) fn routes(control: Control) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/settings", patch(settings).put(settings))
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
            "name": identity.name(), "kind": identity.kind(), "object_id": identity.object_id(),
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

async fn settings(State(control): State<Control>, body: String) -> Result<Response, Refusal> {
    let change: Change = parse(&body)?;
    control.change(|settings| change.apply(settings));
    Ok(Json(control.tenant.settings()).into_response())
}

async fn revoke(
    State(control): State<Control>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<StatusCode, Refusal> {
    let role = query
        .get("role")
        .ok_or_else(|| Refusal::BadRequest("the parameter `role` is missing".into()))?;
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
    serde_json::from_str(body).map_err(|mistake| Refusal::BadRequest(mistake.to_string()))
}

fn done(result: Result<(), Error>) -> Result<StatusCode, Refusal> {
    Ok(result.map(|()| StatusCode::NO_CONTENT)?)
}

/// Why a request was not carried out.
enum Refusal {
    BadRequest(String),
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::BadRequest(mistake) => error(StatusCode::BAD_REQUEST, "bad_request", &mistake),
            Self::Failed(failure @ Error::UnknownRole { .. }) => {
                error(StatusCode::NOT_FOUND, "unknown_role", &failure.to_string())
            }
            Self::Failed(failure) => error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "failed",
                &failure.to_string(),
            ),
        }
    }
}
