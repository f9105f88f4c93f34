//! `entra-pg doctor`: checks everything that a login needs, one by one, and explains what fails.
//!
//! A check that does not depend on a failed one runs all the same, so that one run shows everything that has to be fixed. No
//! token is sent before the server's certificate is verified, nor one that is for another service.

mod certificate;
mod clock;
mod command;
mod context;
mod display;
mod explain;
mod json;
mod login;
mod network;
mod report;
mod role;
mod tls;
mod token;

pub(crate) use self::command::Doctor;
