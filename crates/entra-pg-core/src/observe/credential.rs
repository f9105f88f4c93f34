//! Events at setup.

use std::fmt::Display;

use super::metrics;
use crate::{Scope, target::Unknown};

pub(crate) fn chosen(credential: &dyn Display, reason: &str) {
    metrics::describe();
    tracing::info!(name: "credential.chosen", target: "entra_pg::credential", %credential, reason, "credential chosen");
}

pub(crate) fn sslmode_raised(sslmode: &str) {
    tracing::debug!(
        name: "target.sslmode_raised", target: "entra_pg::target", sslmode,
        "sslmode raised to verify-full"
    );
}

/// A host's name does not say which scope its tokens need.
pub(crate) fn scope_assumed(unknown: Unknown, host: &str, scope: &Scope) {
    match unknown {
        Unknown::Name => tracing::info!(
            name: "target.scope_assumed", target: "entra_pg::target", host, %scope,
            "the host's name names no cloud; the public cloud's scope is used"
        ),
        Unknown::Service => tracing::warn!(
            name: "target.suffix_unknown", target: "entra_pg::target", host, %scope,
            "the host's name is Microsoft's, but of no known service or cloud; the public cloud's scope is used, which the server \
             may refuse: set its own with Target::with_scope"
        ),
    }
}
