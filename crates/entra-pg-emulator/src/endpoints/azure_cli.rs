//! The stand-in for the Azure CLI: the script in `PATH`, and the endpoint that it requests tokens from.

use std::{collections::HashMap, path::Path, sync::Arc};

use axum::{
    extract::{Query, State},
    response::Response,
};
use serde_json::json;

use super::{
    outage,
    response::{Refusal, bad_request},
};
use crate::entra::{Flow, SUBSCRIPTION, Tenant};

/// The script that takes the place of `az` in `PATH`.
pub(crate) fn script(executable: &Path, control: &str) -> String {
    let executable = executable.display().to_string().replace('\'', r"'\''");
    format!(
        "#!/bin/sh\nEMULATOR_CONTROL='{control}'\nexport EMULATOR_CONTROL\nexec '{executable}' az \"$@\"\n"
    )
}

/// A token of the signed-in user.
pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Refusal> {
    let (Some(resource), Some(identity)) = (query.get("resource"), tenant.signed_in()) else {
        let text = "the parameter `resource` is missing";
        return Err(bad_request("bad_request", text));
    };
    let issued = tenant.issue(identity, resource, Flow::AzureCli)?;
    Ok(outage::respond(
        &tenant,
        json!({
            "accessToken": issued.token,
            "expires_on": issued.validity.until,
            "subscription": SUBSCRIPTION,
            "tenant": tenant.id,
            "tokenType": "Bearer",
        }),
    ))
}
