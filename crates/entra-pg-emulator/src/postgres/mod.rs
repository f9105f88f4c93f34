//! A real PostgreSQL: found on the machine, started as an unprivileged account, supervised.

mod account;
mod binaries;
mod cluster;
mod config;
mod supervisor;

pub(crate) use account::Account;
pub(crate) use binaries::Binaries;
pub(crate) use cluster::{Cluster, Setup};
pub(crate) use supervisor::Supervisor;

/// The superuser, who logs in over the private socket only.
pub(crate) const SUPERUSER: &str = "entra_pg_emulator";
