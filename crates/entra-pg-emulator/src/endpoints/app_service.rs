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
use crate::entra::{Flow, Tenant, find_managed};

const API_VERSIONS: [&str; 2] = ["2019-08-01", "2020-06-01"];

pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(fault) = outage::before(&tenant).await {
        return fault;
    }
    match headers.get("x-identity-header") {
        None => {
            return refusal(
                StatusCode::UNAUTHORIZED,
                "The header X-IDENTITY-HEADER is missing.",
            );
        }
        Some(secret) if secret.as_bytes() != tenant.identity_header.as_bytes() => {
            return refusal(
                StatusCode::FORBIDDEN,
                "The header X-IDENTITY-HEADER is not the value of IDENTITY_HEADER.",
            );
        }
        Some(_) => {}
    }
    if !query
        .get("api-version")
        .is_some_and(|version| API_VERSIONS.contains(&version.as_str()))
    {
        return refusal(
            StatusCode::BAD_REQUEST,
            "The api-version is missing or not supported; use 2019-08-01.",
        );
    }
    let Some(resource) = query
        .get("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "The parameter resource is missing.",
        );
    };
    let Some(identity) = find_managed(&tenant.identities, |name| query.get(name).cloned()) else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        );
    };
    match tenant.issue(identity, resource, Flow::ManagedIdentity) {
        Ok(issued) => outage::answer(
            &tenant,
            json!({
                "access_token": issued.token,
                "expires_on": issued.validity.until.to_string(),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id(),
            }),
        ),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(json!({ "statusCode": status.as_u16(), "message": message })),
    )
        .into_response()
}
