//! The OpenID Connect providers of pipelines: what a job of GitHub Actions or Azure Pipelines proves its identity with.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
};
use serde_json::{Value, json};

use super::response::{Refusal, bad_request};
use crate::entra::{Proof, Tenant};

/// As GitHub Actions: the audience is the job's choice.
pub(super) async fn github(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    check(&headers, &tenant)?;
    let audience = query
        .get("audience")
        .map_or("https://github.com", String::as_str);
    let token = tenant
        .federation
        .issue(Proof::GitHub, tenant.default_role(), audience)?;
    Ok(Json(json!({ "count": token.len(), "value": token })))
}

/// As Azure Pipelines: for one service connection.
pub(super) async fn pipelines(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    check(&headers, &tenant)?;
    if query.get("serviceConnectionId") != Some(&tenant.service_connection) {
        return Err(bad_request(
            "bad_request",
            "There is no such service connection.",
        ));
    }
    if !query.contains_key("api-version") {
        return Err(bad_request(
            "bad_request",
            "The parameter api-version is missing.",
        ));
    }
    let token = tenant.federation.issue(
        Proof::Pipelines,
        tenant.default_role(),
        "api://AzureADTokenExchange",
    )?;
    Ok(Json(json!({ "oidcToken": token })))
}

fn check(headers: &HeaderMap, tenant: &Tenant) -> Result<(), Refusal> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer") && token == tenant.job_token =>
        {
            Ok(())
        }
        _ => {
            let text = "The job's token is missing or not valid.".to_owned();
            Err(Refusal(StatusCode::UNAUTHORIZED, "unauthorized", text))
        }
    }
}
