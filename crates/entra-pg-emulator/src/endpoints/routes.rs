//! What is served where.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, Uri},
    middleware::from_fn_with_state,
    routing::{get, post},
};

use super::{app_service, azure_cli, control, imds, oauth, oidc, outage, response::Refusal};
use crate::{Control, entra::Tenant};

/// Everything on the plain listener: App Service, IMDS, the stand-in `az`, the control API.
pub(crate) fn plain(control: &Control) -> Router {
    Router::new()
        .route("/msi/token", get(app_service::token))
        .route("/metadata/identity/oauth2/token", get(imds::token))
        // MSAL for JavaScript ends the path with a slash.
        .route("/metadata/identity/oauth2/token/", get(imds::token))
        .route("/az/token", get(azure_cli::token))
        .route_layer(from_fn_with_state(
            Arc::clone(&control.tenant),
            outage::layer,
        ))
        .with_state(Arc::clone(&control.tenant))
        .nest("/control", control::routes(control.clone()))
        .fallback(not_found)
}

/// Everything on the secure listener: Entra, and the pipelines' OpenID Connect providers.
pub(crate) fn secure(tenant: &Arc<Tenant>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(oauth::token))
        .route("/jobs/github/idtoken", get(oidc::github))
        .route("/jobs/pipelines/oidctoken", post(oidc::pipelines))
        .route_layer(from_fn_with_state(Arc::clone(tenant), outage::layer))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(oauth::discovery),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(oauth::keys))
        .route("/common/discovery/instance", get(oauth::instance))
        .fallback(not_found)
        .with_state(Arc::clone(tenant))
}

async fn not_found(uri: Uri) -> Refusal {
    let text = format!("entra-pg-emulator serves nothing at {}", uri.path());
    Refusal(StatusCode::NOT_FOUND, "not_found", text)
}
