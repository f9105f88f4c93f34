//! Entra's v2.0 endpoint: tokens for applications, OpenID discovery, keys.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Form, Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use time::UtcOffset;
use uuid::Uuid;

use super::outage;
use crate::{
    Identity, clock,
    state::State as Emulator,
    token::{Flow, issuer},
};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

type Shared = State<Arc<Emulator>>;

pub(super) fn routes() -> Router<Arc<Emulator>> {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/common/discovery/instance", get(instance))
}

/// Why Entra refuses: its OAuth error, its own number, and the rest of the message.
struct Refusal(&'static str, u32, String);

async fn token(
    State(state): Shared,
    Path(tenant): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if let Some(fault) = outage::strikes(&state).await {
        return fault;
    }
    match grant(&state, &tenant, &form) {
        Ok(body) => outage::answer(&state, body),
        Err(refusal) => refuse(&refusal),
    }
}

fn grant(state: &Emulator, tenant: &str, form: &HashMap<String, String>) -> Result<Value, Refusal> {
    let field = |name: &str| {
        form.get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    check_tenant(state, tenant)?;
    match field("grant_type") {
        Some("client_credentials") => {}
        Some(other) => {
            return Err(Refusal(
                "unsupported_grant_type",
                70003,
                format!("The app requested an unsupported grant type '{other}'."),
            ));
        }
        None => return Err(missing("grant_type")),
    }
    let id = field("client_id").ok_or_else(|| missing("client_id"))?;
    let identity = state
        .identities
        .iter()
        .find(|identity| identity.client_id.to_string().eq_ignore_ascii_case(id))
        .ok_or_else(|| {
            let text = format!(
                "Application with identifier '{id}' was not found in the directory 'Emulator'."
            );
            Refusal("unauthorized_client", 700_016, text)
        })?;
    let scope = field("scope").ok_or_else(|| missing("scope"))?;
    let audience = scope.strip_suffix("/.default").filter(|resource| !resource.is_empty()).ok_or_else(|| {
        let text = format!("The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).");
        Refusal("invalid_scope", 1_002_012, text)
    })?;
    let flow = authenticate(state, identity, &field)?;
    let issued = state
        .issue(identity, audience, flow)
        .map_err(|error| Refusal("server_error", 90_000, error.to_string()))?;
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "ext_expires_in": issued.expires_in,
        "access_token": issued.token,
    }))
}

fn authenticate<'a>(
    state: &Emulator,
    identity: &Identity,
    field: &impl Fn(&str) -> Option<&'a str>,
) -> Result<Flow, Refusal> {
    match (field("client_secret"), field("client_assertion"), field("client_assertion_type")) {
        (_, Some(assertion), Some(ASSERTION)) => {
            state.check_assertion(assertion, identity).map_err(|(code, text)| Refusal("invalid_client", code, text))?;
            Ok(Flow::WorkloadIdentity)
        }
        (Some(secret), None, _) if secret == state.client_secret => Ok(Flow::ClientSecret),
        (Some(_), None, _) => Err(Refusal(
            "invalid_client",
            7_000_215,
            format!("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.", identity.client_id),
        )),
        _ => Err(Refusal(
            "invalid_client",
            7_000_216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.".into(),
        )),
    }
}

fn missing(parameter: &str) -> Refusal {
    Refusal(
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{parameter}'."),
    )
}

fn check_tenant(state: &Emulator, tenant: &str) -> Result<(), Refusal> {
    if tenant.eq_ignore_ascii_case(&state.tenant.to_string()) {
        return Ok(());
    }
    let text = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
    );
    Err(Refusal("invalid_request", 90_002, text))
}

fn refuse(Refusal(error, code, text): &Refusal) -> Response {
    let status = match *error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
    let timestamp = clock::format(clock::seconds(clock::now()), UtcOffset::UTC) + "Z";
    let description = format!(
        "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    );
    let body = json!({
        "error": error, "error_description": description, "error_codes": [code], "timestamp": timestamp,
        "trace_id": trace, "correlation_id": correlation,
    });
    (status, Json(body)).into_response()
}

/// SDKs ask by the tenant's id, or by one of Entra's names for any tenant.
fn known(state: &Emulator, tenant: &str) -> Result<(), Refusal> {
    if ["common", "organizations"].contains(&tenant) {
        Ok(())
    } else {
        check_tenant(state, tenant)
    }
}

async fn discovery(State(state): Shared, Path(tenant): Path<String>) -> Response {
    if let Err(refusal) = known(&state, &tenant) {
        return refuse(&refusal);
    }
    let base = format!("{}{}", state.authority_host(), state.tenant);
    Json(json!({
        "issuer": format!("{base}/v2.0"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
        "claims_supported": ["aud", "exp", "iat", "iss", "nbf", "oid", "sub", "tid", "ver"],
    }))
    .into_response()
}

async fn keys(State(state): Shared, Path(tenant): Path<String>) -> Response {
    match known(&state, &tenant) {
        Ok(()) => {
            Json(json!({ "keys": [state.token_key().jwk(&issuer(state.tenant))] })).into_response()
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// MSAL asks which hosts belong together; this one stands alone.
async fn instance(State(state): Shared) -> Response {
    let host = format!("localhost:{}", state.ports.secure);
    Json(json!({
        "tenant_discovery_endpoint":
            format!("{}{}/v2.0/.well-known/openid-configuration", state.authority_host(), state.tenant),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    }))
    .into_response()
}
