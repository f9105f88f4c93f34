//! What is told to logs, traces and metrics: every event, span and metric of this crate and of the adapters comes from here,
//! so that all adapters report alike. `docs/observability.md` lists them; a test compares.
//!
//! Nothing here is given a token. Nothing here runs while a token is fresh.

mod connect;
mod credential;
mod metrics;
mod proxy;
mod token;

pub use self::{
    connect::{Connect, Progress, Step, connection_lost, pool_not_rotated, pool_rotated},
    proxy::{cancel_lost, client_refused, proxy_listens},
};
pub(crate) use self::{
    credential::{chosen, not_kept_warm, sslmode_raised},
    token::{Request, request},
};
