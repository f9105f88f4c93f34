//! A real PostgreSQL: found on the machine, started as an unprivileged account, supervised. It asks [`ldap`] about each login.

mod binaries;
mod cluster;
mod config;
pub(crate) mod ldap;
pub(crate) mod roles;
mod startup_log;
mod supervisor;
mod template;

pub(crate) use binaries::Binaries;
pub(crate) use cluster::{Cluster, Setup};
pub(crate) use supervisor::Supervisor;
pub(crate) use template::template;
