//! The metadata endpoint of virtual machines.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::json;

use super::{outage, response::error};
use crate::entra::{Flow, Tenant, find_managed};

pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(fault) = outage::before(&tenant).await {
        return fault;
    }
    let refusal =
        |description: &str| error(StatusCode::BAD_REQUEST, "invalid_request", description);
    // SDKs probe without the header and take this answer for a sign of life.
    if !headers
        .get("metadata")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
    {
        return refusal("Required metadata header not specified");
    }
    match query.get("api-version") {
        None => return refusal("Required query variable 'api-version' is missing"),
        Some(version) if !serves_tokens(version) => {
            return refusal(
                "Bad request. api-version is invalid or was not specified in the request",
            );
        }
        Some(_) => {}
    }
    let Some(resource) = query
        .get("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return refusal("Required audience parameter not specified");
    };
    let Some(identity) = find_managed(&tenant.identities, |name| query.get(name).cloned()) else {
        return refusal("Identity not found");
    };
    match tenant.issue(identity, resource, Flow::ManagedIdentity) {
        Ok(issued) => outage::answer(
            &tenant,
            json!({
                "access_token": issued.token,
                "client_id": identity.client_id(),
                "expires_in": issued.expires_in.to_string(),
                "expires_on": issued.validity.until.to_string(),
                "ext_expires_in": issued.expires_in.to_string(),
                "not_before": issued.validity.from.to_string(),
                "resource": resource,
                "token_type": "Bearer",
            }),
        ),
        Err(failure) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            &failure.to_string(),
        ),
    }
}

/// From 2018-02-01 on. <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http>
fn serves_tokens(version: &str) -> bool {
    let is_a_date = version.len() == 10
        && version.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_a_date && version >= "2018-02-01"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_the_endpoint_does_not_have_is_refused() {
        for (version, served) in [
            ("2018-02-01", true),
            ("2019-08-01", true),
            ("2017-04-02", false),
            ("banana", false),
            ("2018-02-01-preview", false),
        ] {
            assert_eq!(serves_tokens(version), served, "{version}");
        }
    }
}
