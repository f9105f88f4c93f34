//! End-to-end tests over real PostgreSQL, real TLS and the real credentials of azure_identity.
//!
//! `conformance` is the suite that every adapter passes; `adapters`, in the package's library, is what an adapter has to say for itself to take part.

mod architecture;
mod book;
mod conformance;
mod credentials;
mod endpoint_faults;
mod error_guide;
mod faults;
mod listening;
mod observability;
mod options;
mod probe;
mod readme;
mod secrets;
mod tap;

use entra_pg_tests::{adapters, world};
