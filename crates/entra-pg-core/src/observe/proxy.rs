//! The proxy: where it listens, and whom and what it does not serve. Its connects are told as any adapter's are.

use std::fmt::Display;

use crate::{Error, Target};

/// A proxy to this target listens here.
pub fn proxy_listens(target: &Target, address: &dyn Display) {
    let host = target.hosts()[0].name();
    tracing::debug!(
        name: "proxy.listening", target: "entra_pg::proxy",
        host, %address, "the proxy listens"
    );
}

/// A client was not served: it speaks another protocol, or may not use this proxy, or could not be accepted.
pub fn client_refused(target: &Target, reason: &str) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.client_refused", target: "entra_pg::proxy",
        host, reason, "a client was turned away"
    );
}

/// A client's request to cancel a query did not reach the server. Clients are not told, by PostgreSQL's protocol.
pub fn cancel_lost(target: &Target, error: &Error) {
    let host = target.hosts()[0].name();
    tracing::warn!(
        name: "proxy.cancel_lost", target: "entra_pg::proxy",
        host, %error, "a request to cancel was lost"
    );
}
