//! The subcommand: runs the checks one by one, and reports them.

use clap::Args;

use super::{
    context::Context,
    display::{self, Display},
    json::Json,
    report::{Outcome, Report, Step},
};
use crate::{
    failure::Failure, options::Server, output::print_json, runtime::block_on_until_signalled,
};

/// Check everything that a login needs, and explain how to fix what fails
///
/// The checks: configuration, DNS, TCP, TLS, credential, token, login, role.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg doctor
  entra-pg doctor postgres://app@myserver.postgres.database.azure.com/orders
  entra-pg doctor --json | jq '.checks[] | select(.status == \"failed\")'

Exit status: 0 if the login works; else by the first check that fails: 3 configuration or credential, 4 token,
5 DNS, TCP or TLS, 6 login or role.")]
pub(crate) struct Doctor {
    #[command(flatten)]
    server: Server,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let report = block_on_until_signalled(async {
            let display = Display::choose(self.json);
            examine(Context::new(self.server), &display).await
        })?;
        if self.json {
            print_json(&Json::of(&report))?;
        } else {
            display::conclude(&report)?;
        }
        Ok(report.exit_status())
    }
}

async fn examine(mut context: Context, display: &Display) -> Result<Report, Failure> {
    let mut report = Report::default();
    for step in Step::ALL {
        let outcome = match report.missing_for(step) {
            Some(missing) => Outcome::Skipped { because: missing },
            None => display.while_busy(step, context.check(step)).await,
        };
        display.show(step, &outcome)?;
        report.add(step, outcome);
    }
    Ok(report)
}
