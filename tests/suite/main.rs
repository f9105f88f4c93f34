//! End-to-end tests over real PostgreSQL, real TLS and the real credentials of azure_identity.
//!
//! `conformance` is the suite that every adapter passes; `adapters`, in the package's library, lists them.

mod architecture;
mod attack;
mod azure;
mod book;
mod capture;
mod conformance;
mod costs;
mod credentials;
mod direct_tls;
mod endpoint_faults;
mod error_guide;
mod examples;
mod exporters;
mod faults;
mod hosts;
mod observability;
mod odd_servers;
mod options;
mod outside;
mod parameters;
mod probe;
mod proxy;
mod readme;
mod refusals;
mod repository;
mod round_trips;
mod secrets;
mod server_version;
mod silence;
mod telemetry;
mod token_requests;

use entra_pg_tests::{adapters, fixtures};
