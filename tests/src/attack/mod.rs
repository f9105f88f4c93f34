//! The attack suite: hostile servers, certificates and token endpoints, each against every adapter, the proxy and the doctor.
//!
//! A [`Mode`] is what the other side does, and what must hold then; the tables are `server_modes`, `certificate_modes` and
//! `endpoint_modes`. A [`Victim`] is a process of its own, so that one that hangs can be ended and its memory measured.

mod accepted;
mod certificate_modes;
mod certificates;
mod endpoint_modes;
mod fault;
mod messages;
mod mode;
mod rig;
mod script;
mod seen;
mod server;
mod server_modes;
mod victim;

pub use accepted::Verdict;
use certificate_modes::certificate_modes;
use endpoint_modes::endpoint_modes;
pub use fault::Fault;
pub use mode::Mode;
pub use rig::Rig;
pub use seen::{Report, Seen, is_obeyed};
use server_modes::server_modes;
pub use victim::{DATA_LIMIT, Victim, peak_memory};

/// Every mode of every table.
pub fn all_modes() -> Vec<Mode> {
    [server_modes(), certificate_modes(), endpoint_modes()].concat()
}
