//! What the emulator needs of the machine: ports, a private directory, an unprivileged account, certificates.

mod account;
mod ca;
pub(crate) mod directory;
mod ports;
mod trust;

pub(crate) use account::Account;
pub(crate) use ca::{CertificateAuthority, ServerCertificate};
pub(crate) use directory::Layout;
pub(crate) use ports::{HOST, Listeners, accept, free_port, port};
pub(crate) use trust::trust_bundle;
