//! Which server, database and role, and how its connection is secured.

mod authority;
mod certificate_format;
mod cloud;
mod connection_string;
mod foreign_parameters;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host;
mod into_target;
mod keepalive;
mod keyword_form;
mod other_forms;
mod parameters;
mod params;
mod parse;
mod platform_roots;
mod role;
mod root_certificates;
mod secrets;
mod service_connector;
mod session_attrs;
mod session_settings;
#[expect(
    clippy::module_inception,
    reason = "the folder is named after its main type"
)]
mod target;
mod url_form;

pub use self::{
    cloud::Scope,
    host::Host,
    into_target::IntoTarget,
    keepalive::Keepalive,
    parameters::Parameter,
    root_certificates::{CustomRoots, RootCertificates},
    session_attrs::{LoadBalanceHosts, TargetSessionAttrs},
    target::Target,
};
pub(crate) use self::{cloud::Unknown, role::check_role};
