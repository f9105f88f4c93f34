//! The proxy's own events; `docs/observability.md` lists them. The core logs and counts its connects, as any adapter's.

use std::time::Duration;

use entra_pg_core::{Error, Target};

use crate::listen::Address;

pub(crate) fn listening(target: &Target, address: &Address) {
    let host = target.hosts()[0].name();
    tracing::debug!(
        name: "proxy.listening", target: "entra_pg::proxy",
        host, %address, "the proxy is listening"
    );
}

/// A client left before its startup packet, as health checks do, or had to.
pub(crate) fn client_left(target: &Target, reason: &str) {
    let host = target.hosts()[0].name();
    tracing::debug!(
        name: "proxy.client_left", target: "entra_pg::proxy",
        host, reason, "client left"
    );
}

/// A client uses another protocol, or may not use this proxy.
pub(crate) fn client_refused(target: &Target, reason: &str) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.client_refused", target: "entra_pg::proxy",
        host, reason, "client refused"
    );
}

/// Clients that send nothing fill the waiting room, and the oldest are closed. Once in an episode.
pub(crate) fn waiting_room_full(target: &Target, clients: usize) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.waiting_room_full", target: "entra_pg::proxy",
        host, clients, "closing the oldest clients that have sent no startup packet"
    );
}

/// Clients wait, because the system has no descriptor or memory for them. Once in an episode.
pub(crate) fn accept_failed(target: &Target, error: &str) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.accept_failed", target: "entra_pg::proxy",
        host, error, "cannot accept clients: they wait; if too many files are open, raise the limit (ulimit -n)"
    );
}

pub(crate) fn accept_recovered(target: &Target, failures: u64, lasted: Duration) {
    let host = target.hosts()[0].name();
    tracing::info!(
        name: "proxy.accept_recovered", target: "entra_pg::proxy",
        host, failures, lasted_s = lasted.as_secs_f64(), "accepts clients again"
    );
}

/// The server sent the token back before the client's first request, and the session was ended.
pub(crate) fn token_quoted(target: &Target) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.token_quoted", target: "entra_pg::proxy",
        host, "the server sent the token back; the session was ended before its client got it"
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
