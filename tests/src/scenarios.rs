//! The fault table: what happens, and what must hold then. `docs/faults.md` shows the same rows.

use serde::{Deserialize, Serialize};

use crate::adapters::NamedAdapter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultScenario {
    SlowEndpoint,
    Outage,
    OutagePastExpiry,
    ColdStart,
    LateEndpoint,
    Throttle,
    HungRequest,
    AbandonedRefresh,
    BadCredential,
    RefusedToken,
    RefusedInOutage,
    Clock,
    Freeze,
    ServerGone,
    Stall,
    Lifecycle,
    EveryConnectFails,
}

impl FaultScenario {
    pub const ALL: [Self; 17] = [
        Self::SlowEndpoint,
        Self::Outage,
        Self::OutagePastExpiry,
        Self::ColdStart,
        Self::LateEndpoint,
        Self::Throttle,
        Self::HungRequest,
        Self::AbandonedRefresh,
        Self::BadCredential,
        Self::RefusedToken,
        Self::RefusedInOutage,
        Self::Clock,
        Self::Freeze,
        Self::ServerGone,
        Self::Stall,
        Self::Lifecycle,
        Self::EveryConnectFails,
    ];

    pub fn fault(self) -> &'static str {
        match self {
            Self::SlowEndpoint => "token endpoint slow (10 s), token still valid",
            Self::Outage => {
                "endpoint hangs, or returns 429, 500, 503, garbage or a reset, while the token stays valid"
            }
            Self::OutagePastExpiry => "endpoint down past expiry, then back",
            Self::ColdStart => "cold start: 1,000 tasks request a token at once, pool of 100",
            Self::LateEndpoint => {
                "token endpoint not there yet: it refuses, resets, or returns 404, 408, 410, 429 or 5xx at first"
            }
            Self::Throttle => {
                "endpoint returns 429 or 503 with a Retry-After that no caller can wait for, without a valid token"
            }
            Self::HungRequest => {
                "endpoint hangs for one request or two, and is well for the next, without a valid token"
            }
            Self::AbandonedRefresh => {
                "the task that waits for a refresh is dropped, aborted or times out, 1,000 times"
            }
            Self::BadCredential => {
                "a credential panics, hangs, returns an expired token, returns the same token again"
            }
            Self::RefusedToken => {
                "the server refuses a valid token: identity revoked, keys rotated"
            }
            Self::RefusedInOutage => {
                "the server refuses a valid token while the endpoint hangs, throttles, resets or fails"
            }
            Self::Clock => "the clock steps forward or back by hours",
            Self::Freeze => "process frozen (SIGSTOP) past expiry, then continued",
            Self::ServerGone => {
                "PostgreSQL restarts, fails over to another address, ends all connections"
            }
            Self::Stall => {
                "PostgreSQL accepts and sends nothing; the TLS handshake stalls; authentication stalls"
            }
            Self::Lifecycle => {
                "pools dropped unclosed, closed under load, made and dropped; a runtime ends while refreshing; two share a cache"
            }
            Self::EveryConnectFails => "bb8 and deadpool when every connect fails",
        }
    }

    pub fn must_hold(self) -> &'static str {
        match self {
            Self::SlowEndpoint => "no caller waits for it, until the token's last moments",
            Self::Outage => {
                "no operation fails; attempts follow the backoff, never one per connect"
            }
            Self::OutagePastExpiry => {
                "new connections fail with the endpoint's error, within their deadline; they succeed one attempt after it recovers"
            }
            Self::ColdStart => "exactly one token request",
            Self::LateEndpoint => {
                "no connect fails that has time left; one request at a time for all"
            }
            Self::Throttle => {
                "connects fail at once with the endpoint's words; they succeed one step of the backoff after it recovers"
            }
            Self::HungRequest => {
                "a second request joins the first after 3 s, never more; no connect fails that has time left"
            }
            Self::AbandonedRefresh => "the refresh completes; no caller hangs",
            Self::BadCredential => "bounded, reported, no hot loop",
            Self::RefusedToken => {
                "one more token, one more login; if the endpoint repeats the token, the server's error"
            }
            Self::RefusedInOutage => {
                "the login succeeds one step of the backoff after the endpoint recovers"
            }
            Self::Clock | Self::Freeze => {
                "per connection: no operation fails; rotation: only those of the first moment"
            }
            Self::ServerGone => "pools heal with the token they have; no token request",
            Self::Stall => {
                "the connect deadline holds, the pool is not wedged, the error names the step"
            }
            Self::Lifecycle => "no task, connection, socket or file is left; no hang; no panic",
            Self::EveryConnectFails => "the user sees the cause, not only \"timed out\"",
        }
    }

    /// Whether the scenario applies to this adapter.
    pub fn applies_to(self, adapter: NamedAdapter) -> bool {
        match self {
            Self::RefusedToken | Self::RefusedInOutage => adapter.per_connection,
            Self::EveryConnectFails => pool_hides_cause(adapter),
            _ => true,
        }
    }
}

/// Whether the adapter's pool does not return the cause of a failed connect.
pub fn pool_hides_cause(adapter: NamedAdapter) -> bool {
    ["bb8", "deadpool"]
        .iter()
        .any(|pool| adapter.name.contains(pool))
}
