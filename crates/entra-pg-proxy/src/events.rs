//! The proxy's own events; `docs/observability.md` lists them. The core logs and counts its connects, as any adapter's.

use entra_pg_core::{Error, Target};

use crate::listen::Address;

pub(crate) fn listening(target: &Target, address: &Address) {
    let host = target.hosts()[0].name();
    tracing::debug!(
        name: "proxy.listening", target: "entra_pg::proxy",
        host, %address, "the proxy is listening"
    );
}

/// A client left before its startup packet, as health checks do.
pub(crate) fn client_left(target: &Target, reason: &str) {
    let host = target.hosts()[0].name();
    tracing::debug!(
        name: "proxy.client_left", target: "entra_pg::proxy",
        host, reason, "client left"
    );
}

/// A client uses another protocol, may not use this proxy, or could not be accepted.
pub(crate) fn client_refused(target: &Target, reason: &str) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.client_refused", target: "entra_pg::proxy",
        host, reason, "client refused"
    );
}

/// A request to cancel a query did not reach the server. PostgreSQL's protocol has no response that would report it.
pub(crate) fn cancel_lost(target: &Target, error: &Error) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.cancel_lost", target: "entra_pg::proxy",
        host, %error, "cancel request lost"
    );
}
