//! The metadata endpoint of virtual machines.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::json;

use super::{
    outage,
    response::{Refusal, bad_request},
};
use crate::entra::{Flow, Tenant, find_managed};

pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Refusal> {
    let refusal = |description: &str| bad_request("invalid_request", description);
    // SDKs probe without the header and take this answer for a sign of life.
    headers
        .get("metadata")
        .filter(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
        .ok_or_else(|| refusal("Required metadata header not specified"))?;
    let version = query
        .get("api-version")
        .ok_or_else(|| refusal("Required query variable 'api-version' is missing"))?;
    if !serves_tokens(version) {
        let text = "Bad request. api-version is invalid or was not specified in the request";
        return Err(refusal(text));
    }
    let resource = query
        .get("resource")
        .filter(|resource| !resource.is_empty())
        .ok_or_else(|| refusal("Required audience parameter not specified"))?;
    let identity =
        find_managed(&tenant.identities, &query).ok_or_else(|| refusal("Identity not found"))?;
    let issued = tenant.issue(identity, resource, Flow::ManagedIdentity)?;
    Ok(outage::respond(
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
    ))
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
