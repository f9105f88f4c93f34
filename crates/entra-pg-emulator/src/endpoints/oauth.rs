//! Entra's v2.0 endpoint: tokens for applications, OpenID discovery, keys.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Form, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::outage;
use crate::entra::{ClientCertificate, Flow, Identity, Tenant, clock, issuer_url};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why Entra refuses: its OAuth error, its own number, and the rest of the message.
pub(super) struct Refusal(&'static str, u32, String);

pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    Path(id): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response, Refusal> {
    let body = grant(&tenant, &id, &form)?;
    Ok(outage::respond(&tenant, body))
}

fn grant(tenant: &Tenant, id: &str, form: &HashMap<String, String>) -> Result<Value, Refusal> {
    let field = |name: &str| {
        form.get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let required = |name: &str| field(name).ok_or_else(|| missing(name));
    check_tenant(tenant, id)?;
    let grant_type = required("grant_type")?;
    if grant_type != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant_type}'.");
        return Err(Refusal("unsupported_grant_type", 70003, text));
    }
    let identity = find_application(tenant, required("client_id")?)?;
    let audience = audience(required("scope")?)?;
    let flow = authenticate(tenant, identity, &field)?;
    let issued = tenant
        .issue(identity, audience, flow)
        .map_err(|error| Refusal("server_error", 90_000, error.to_string()))?;
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "ext_expires_in": issued.expires_in,
        "access_token": issued.token,
    }))
}

fn token_endpoint(tenant: &Tenant) -> String {
    format!("{}{}/oauth2/v2.0/token", tenant.authority_host, tenant.id)
}

fn check_tenant(tenant: &Tenant, id: &str) -> Result<(), Refusal> {
    if id.eq_ignore_ascii_case(&tenant.id) {
        return Ok(());
    }
    let text = format!(
        "Tenant '{id}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
    );
    Err(Refusal("invalid_request", 90_002, text))
}

fn missing(parameter: &str) -> Refusal {
    let text = format!("The request body must contain the following parameter: '{parameter}'.");
    Refusal("invalid_request", 900_144, text)
}

fn find_application<'a>(tenant: &'a Tenant, id: &str) -> Result<&'a Identity, Refusal> {
    let mut identities = tenant.identities.iter();
    identities
        .find(|identity| identity.client_id().eq_ignore_ascii_case(id))
        .ok_or_else(|| {
            let text = format!(
                "Application with identifier '{id}' was not found in the directory 'Emulator'."
            );
            Refusal("unauthorized_client", 700_016, text)
        })
}

fn audience(scope: &str) -> Result<&str, Refusal> {
    let resource = scope.strip_suffix("/.default");
    resource.filter(|resource| !resource.is_empty()).ok_or_else(|| {
        let text = format!("The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).");
        Refusal("invalid_scope", 1_002_012, text)
    })
}

fn authenticate<'a>(
    tenant: &Tenant,
    identity: &Identity,
    field: &impl Fn(&str) -> Option<&'a str>,
) -> Result<Flow, Refusal> {
    let refuse = |(code, text)| Refusal("invalid_client", code, text);
    match (field("client_secret"), field("client_assertion"), field("client_assertion_type")) {
        (_, Some(assertion), Some(ASSERTION)) if ClientCertificate::signs(assertion, identity.client_id()) => {
            let endpoint = token_endpoint(tenant);
            let (certificate, key) = (&tenant.certificate, &tenant.federation.key);
            certificate.check(key, assertion, identity.client_id(), &endpoint).map_err(refuse)?;
            Ok(Flow::ClientCertificate)
        }
        (_, Some(assertion), Some(ASSERTION)) => {
            tenant.federation.check(assertion, identity).map_err(refuse)?;
            Ok(Flow::WorkloadIdentity)
        }
        (Some(secret), None, _) if secret == tenant.client_secret => Ok(Flow::ClientSecret),
        (Some(_), None, _) => Err(refuse((
            7_000_215,
            format!("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.", identity.client_id()),
        ))),
        _ => Err(refuse((
            7_000_216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.".into(),
        ))),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error, code, text) = self;
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let [trace, correlation] = [Uuid::new_v4().to_string(), Uuid::new_v4().to_string()];
        let timestamp = clock::format(clock::now());
        let description = format!(
            "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
        );
        let body = json!({
            "error": error, "error_description": description, "error_codes": [code], "timestamp": timestamp,
            "trace_id": trace, "correlation_id": correlation,
        });
        (status, Json(body)).into_response()
    }
}

/// SDKs send the tenant's id, or one of Entra's names for any tenant.
fn check_authority(tenant: &Tenant, id: &str) -> Result<(), Refusal> {
    if ["common", "organizations"].contains(&id) {
        Ok(())
    } else {
        check_tenant(tenant, id)
    }
}

pub(super) async fn discovery(
    State(tenant): State<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    check_authority(&tenant, &id)?;
    let base = format!("{}{}", tenant.authority_host, tenant.id);
    Ok(Json(json!({
        "issuer": format!("{base}/v2.0"),
        "token_endpoint": token_endpoint(&tenant),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
        "claims_supported": ["aud", "exp", "iat", "iss", "nbf", "oid", "sub", "tid", "ver"],
    })))
}

pub(super) async fn keys(
    State(tenant): State<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    check_authority(&tenant, &id)?;
    let key = tenant.issuer.key().jwk(&issuer_url(&tenant.id));
    Ok(Json(json!({ "keys": [key] })))
}

/// MSAL requests the aliases of a host; this one has none.
pub(super) async fn instance(State(tenant): State<Arc<Tenant>>) -> Json<Value> {
    let authority = &tenant.authority_host;
    let host = authority
        .trim_start_matches("https://")
        .trim_end_matches('/');
    Json(json!({
        "tenant_discovery_endpoint": format!("{authority}{}/v2.0/.well-known/openid-configuration", tenant.id),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    }))
}
