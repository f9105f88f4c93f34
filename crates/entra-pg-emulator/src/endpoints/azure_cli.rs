//! The stand-in for the Azure CLI: the script in `PATH`, and the endpoint that it requests tokens from.

use std::{collections::HashMap, path::Path, sync::Arc};

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use serde_json::json;

use super::{outage, response::error};
use crate::entra::{Flow, SUBSCRIPTION, Tenant};

/// The script that takes the place of `az` in `PATH`.
pub(crate) fn script(executable: &Path, control: &str) -> String {
    let executable = executable.display().to_string().replace('\'', r"'\''");
    format!(
        "#!/bin/sh\nEMULATOR_CONTROL='{control}'\nexport EMULATOR_CONTROL\nexec '{executable}' az \"$@\"\n"
    )
}

/// A token of the signed-in user. It has the outages of the other endpoints.
pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(fault) = outage::before(&tenant).await {
        return fault;
    }
    let (Some(resource), Some(identity)) = (query.get("resource"), tenant.signed_in()) else {
        return error(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "the parameter `resource` is missing",
        );
    };
    match tenant.issue(identity, resource, Flow::AzureCli) {
        Ok(issued) => outage::answer(
            &tenant,
            json!({
                "accessToken": issued.token,
                "expires_on": issued.validity.until,
                "subscription": SUBSCRIPTION,
                "tenant": tenant.id,
                "tokenType": "Bearer",
            }),
        ),
        Err(failure) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            &failure.to_string(),
        ),
    }
}
