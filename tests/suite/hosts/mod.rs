//! Several addresses and several hosts: an address that is dead, servers that differ, and what the error says of each.
//!
//! How one name with several addresses is treated is tested in `entra-pg-core`, `connect/reach_tests.rs`, by the same code.

mod dead;
mod failover;
mod session;

use entra_pg_emulator::Emulator;
use entra_pg_tests::adapters::{NamedAdapter, PROXY};

use crate::{adapters::per_connection, fixtures::shared};

/// The adapters that connect through our code, and the proxy with a driver that knows nothing of tokens, TLS or hosts.
fn subjects() -> impl Iterator<Item = NamedAdapter> {
    per_connection().chain([PROXY])
}

/// A URL for these hosts, which trusts the emulator.
fn url(emulator: &Emulator, hosts: &str, parameters: &str) -> String {
    let ca = emulator.ca_file().display();
    format!("postgres://app@{hosts}/postgres?sslrootcert={ca}{parameters}")
}
