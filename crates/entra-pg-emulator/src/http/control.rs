//! The control API. Documented in the crate's README.

use std::{collections::HashMap, sync::Arc, sync::atomic::Ordering::Relaxed};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{error, outage};
use crate::{
    Error, TokenSpec,
    settings::Change,
    state::{State as Emulator, lock},
    token::Flow,
};

type Shared = State<Arc<Emulator>>;

pub(super) fn routes() -> Router<Arc<Emulator>> {
    Router::new()
        .route("/status", get(status))
        .route("/settings", patch(settings).put(settings))
        .route("/revoke", post(revoke))
        .route("/rotate-keys", post(rotate_keys))
        .route("/restart-postgres", post(restart))
        .route("/drop-connections", post(drop_connections))
        .route("/token", post(token))
        .route("/az", get(az))
}

/// A token to mint, as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mint {
    pub(crate) role: Option<String>,
    pub(crate) audience: Option<String>,
    /// Seconds, negative for an expired token.
    pub(crate) lifetime: Option<i64>,
    pub(crate) other_key: bool,
}

async fn status(State(state): Shared) -> Response {
    let counters = &state.counters;
    let roles = state.identities.iter().map(|identity| {
        json!({
            "name": identity.name, "kind": identity.kind, "object_id": identity.object_id,
            "client_id": identity.client_id, "resource_id": identity.resource_id(),
        })
    });
    Json(json!({
        "token_requests": counters.token_requests.load(Relaxed),
        "tokens_issued": counters.tokens_issued.load(Relaxed),
        "logins": { "accepted": counters.accepted.load(Relaxed), "rejected": counters.rejected.load(Relaxed) },
        "last_rejection": *lock(&state.last_rejection),
        "connections": state.cluster.connections().await.ok(),
        "settings": state.settings(),
        "audience": state.audience,
        "roles": roles.collect::<Vec<_>>(),
    }))
    .into_response()
}

/// Takes the body as text: the API is for `curl`, whose content type is not JSON.
async fn settings(State(state): Shared, body: String) -> Response {
    match serde_json::from_str::<Change>(&body) {
        Ok(change) => {
            state.set(|settings| change.apply(settings));
            Json(state.settings()).into_response()
        }
        Err(mistake) => bad_request(&mistake.to_string()),
    }
}

async fn revoke(State(state): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    let Some(role) = query.get("role") else {
        return bad_request("the parameter `role` is missing");
    };
    match state.identity(role) {
        Some(identity) => {
            state.revoke(identity);
            StatusCode::NO_CONTENT.into_response()
        }
        None => unknown_role(&state, role),
    }
}

async fn rotate_keys(State(state): Shared) -> Response {
    done(state.rotate_keys().await)
}

async fn restart(State(state): Shared) -> Response {
    // To its end, even if the caller hangs up.
    done(
        state
            .on_own_runtime(|state| async move { state.cluster.restart().await })
            .await,
    )
}

async fn drop_connections(State(state): Shared) -> Response {
    done(state.cluster.drop_connections().await)
}

async fn token(State(state): Shared, body: String) -> Response {
    let body = if body.trim().is_empty() { "{}" } else { &body };
    let Mint {
        role,
        audience,
        lifetime,
        other_key,
    } = match serde_json::from_str(body) {
        Ok(mint) => mint,
        Err(mistake) => return bad_request(&mistake.to_string()),
    };
    let role = role
        .or_else(|| {
            state
                .identities
                .first()
                .map(|identity| identity.name.clone())
        })
        .unwrap_or_default();
    if state.identity(&role).is_none() {
        return unknown_role(&state, &role);
    }
    let spec = TokenSpec {
        identity: role,
        audience,
        lifetime,
        valid_after: 0,
        other_key,
    };
    state
        .mint(&spec)
        .map_or_else(failed, IntoResponse::into_response)
}

/// What the stand-in `az` asks for: a token endpoint of its own, with the outages of the others.
async fn az(State(state): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    if let Some(fault) = outage::strikes(&state).await {
        return fault;
    }
    let (Some(resource), Some(identity)) = (query.get("resource"), state.signed_in()) else {
        return bad_request("the parameter `resource` is missing");
    };
    let body = |issued: crate::state::Issued| -> Value {
        json!({
            "accessToken": issued.token,
            "expires_on": issued.validity.until,
            "subscription": crate::identity::SUBSCRIPTION,
            "tenant": state.tenant,
            "tokenType": "Bearer",
        })
    };
    state
        .issue(identity, resource, Flow::AzureCli)
        .map_or_else(failed, |issued| outage::answer(&state, body(issued)))
}

fn done(result: Result<(), Error>) -> Response {
    result.map_or_else(failed, |()| StatusCode::NO_CONTENT.into_response())
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_or_else`")]
fn failed(failure: Error) -> Response {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "failed",
        &failure.to_string(),
    )
}

fn bad_request(mistake: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "bad_request", mistake)
}

fn unknown_role(state: &Emulator, role: &str) -> Response {
    let known: Vec<_> = state
        .identities
        .iter()
        .map(|identity| identity.name.as_str())
        .collect();
    error(
        StatusCode::NOT_FOUND,
        "unknown_role",
        &format!("there is no role `{role}`; known are {}", known.join(", ")),
    )
}
