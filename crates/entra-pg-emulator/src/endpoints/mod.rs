//! The emulator's HTTP: token endpoints as Azure serves them, and the control API.
//!
//! [`routes`] lists what is served where. A request passes [`server`] (connections, the proxy for the metadata endpoint),
//! [`outage`] (latency and faults) and then one endpoint.

mod app_service;
mod azure_cli;
mod control;
mod imds;
mod oauth;
mod oidc;
mod outage;
mod response;
mod routes;
mod server;

pub(crate) use azure_cli::script as azure_cli_script;
pub(crate) use routes::{plain, secure};
pub(crate) use server::serve;
