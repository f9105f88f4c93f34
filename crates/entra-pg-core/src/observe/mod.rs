//! Logs, traces and metrics: every event, span and metric of this crate and of the adapters is emitted here, so that all
//! adapters report alike. `docs/observability.md` lists them; a test compares. (The proxy has events of its own.)
//!
//! Nothing here is given a token. Nothing here runs while a token is fresh.

mod connect;
mod credential;
mod metrics;
mod token;

/// By these, OpenTelemetry's layer for `tracing` sets a span's status: <https://docs.rs/tracing-opentelemetry/#special-fields>
const STATUS_CODE: &str = "otel.status_code";
const STATUS_ERROR: &str = "ERROR";

pub(crate) use self::{
    connect::{Connect, connection_lost, pool_not_rotated, pool_rotated},
    credential::{chosen, scope_assumed, sslmode_raised},
    token::{Request, request},
};
