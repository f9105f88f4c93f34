//! `entra-pg doctor`: tries everything that a login needs, one by one, and explains what fails.
//!
//! What does not need what failed is tried all the same, so that one run shows all there is to mend. No token is sent before
//! the server's certificate has been verified, nor one that is for another service.

mod certificate;
mod display;
mod explain;
mod json;
mod login;
mod network;
mod patient;
mod report;
mod role;
mod tls;
mod token;

use clap::Args;

use self::{
    display::Display,
    json::Json,
    patient::Patient,
    report::{Outcome, Report, Step},
};
use crate::{
    failure::Failure, options::Server, output::print_json, runtime::block_on_until_signalled,
};

/// Check everything that a login needs, and say what is wrong and what to do about it
///
/// In this order: configuration, DNS, TCP, TLS, credential, token, login, role.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg doctor
  entra-pg doctor postgres://app@myserver.postgres.database.azure.com/orders
  entra-pg doctor --json | jq '.checks[] | select(.status == \"failed\")'

Exit status: 0 if a login works; by the first check that failed: 3 configuration or credential, 4 token,
5 DNS, TCP or TLS, 6 login or role.")]
pub(crate) struct Doctor {
    #[command(flatten)]
    server: Server,

    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let report = block_on_until_signalled(async {
            let display = Display::choose(self.json);
            examine(Patient::new(self.server), &display).await
        })?;
        if self.json {
            print_json(&Json::of(&report))?;
        } else {
            display::conclude(&report)?;
        }
        Ok(report.exit_status())
    }
}

async fn examine(mut patient: Patient, display: &Display) -> Result<Report, Failure> {
    let mut report = Report::default();
    for step in Step::ALL {
        let outcome = match report.missing_for(step) {
            Some(missing) => Outcome::Skipped { because: missing },
            None => display.while_busy(step, patient.check(step)).await,
        };
        display.show(step, &outcome)?;
        report.add(step, outcome);
    }
    Ok(report)
}
