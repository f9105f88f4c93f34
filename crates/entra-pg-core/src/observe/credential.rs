//! Events at setup.

use std::fmt::Display;

use super::metrics;

pub(crate) fn chosen(credential: &dyn Display, reason: &str) {
    metrics::describe();
    tracing::info!(name: "credential.chosen", target: "entra_pg::credential", %credential, reason, "credential chosen");
}

pub(crate) fn not_kept_warm(scope: &dyn Display) {
    tracing::warn!(
        name: "token.not_kept_warm", target: "entra_pg::token", %scope,
        "tokens are not kept warm: this call was made outside of a Tokio runtime"
    );
}

pub(crate) fn sslmode_raised(sslmode: &str) {
    tracing::debug!(
        name: "target.sslmode_raised", target: "entra_pg::target", sslmode,
        "sslmode raised to verify-full"
    );
}
