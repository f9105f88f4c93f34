//! The managed identity endpoint of App Service, Functions and Container Apps.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::outage;
use crate::{
    Error,
    entra::{Flow, Tenant, find_managed},
};

const API_VERSIONS: [&str; 2] = ["2019-08-01", "2020-06-01"];

pub(super) struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let body = json!({ "statusCode": status.as_u16(), "message": message });
        (status, Json(body)).into_response()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Refusal> {
    check_header(&headers, &tenant.identity_header)?;
    let refusal = |message: &str| Refusal(StatusCode::BAD_REQUEST, message.to_owned());
    query
        .get("api-version")
        .filter(|version| API_VERSIONS.contains(&version.as_str()))
        .ok_or_else(|| refusal("The api-version is missing or not supported; use 2019-08-01."))?;
    let resource = query
        .get("resource")
        .filter(|resource| !resource.is_empty())
        .ok_or_else(|| refusal("The parameter resource is missing."))?;
    let identity = find_managed(&tenant.identities, &query)
        .ok_or_else(|| refusal("No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."))?;
    let issued = tenant.issue(identity, resource, Flow::ManagedIdentity)?;
    Ok(outage::respond(
        &tenant,
        json!({
            "access_token": issued.token,
            "expires_on": issued.validity.until.to_string(),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": identity.client_id(),
        }),
    ))
}

fn check_header(headers: &HeaderMap, expected: &str) -> Result<(), Refusal> {
    let (status, message) = match headers.get("x-identity-header") {
        Some(secret) if secret.as_bytes() == expected.as_bytes() => return Ok(()),
        Some(_) => (
            StatusCode::FORBIDDEN,
            "The header X-IDENTITY-HEADER is not the value of IDENTITY_HEADER.",
        ),
        None => (
            StatusCode::UNAUTHORIZED,
            "The header X-IDENTITY-HEADER is missing.",
        ),
    };
    Err(Refusal(status, message.to_owned()))
}
