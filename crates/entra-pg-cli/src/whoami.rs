//! `entra-pg whoami`: what a token contains.

use std::time::SystemTime;

use clap::Args;
use entra_pg_core::connect::one_line;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    failure::Failure,
    options::{Obtained, Server},
    output::{print, print_json},
    principal::Kind,
    runtime::block_on_until_signalled,
    status,
    time::{between, timestamp},
};

/// Show which identity would log in
///
/// Principal, role, audience and lifetime of the token, and the credential that it comes from.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg whoami
  entra-pg whoami --credential AzureCliCredential
  entra-pg whoami --json | jq -r .object_id")]
pub(crate) struct Whoami {
    #[command(flatten)]
    server: Server,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Whoami {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let obtained = block_on_until_signalled(async { Ok(self.server.obtain().await?) })?;
        let identity = Identity::of(&obtained);
        if self.json {
            print_json(&identity)?;
        } else {
            print(&identity.table(SystemTime::now()))?;
        }
        Ok(status::OK)
    }
}

/// The token's claims, which only the server verifies.
#[derive(Debug, Serialize)]
struct Identity {
    principal: Option<String>,
    r#type: Option<Kind>,
    tenant_id: Option<String>,
    object_id: Option<String>,
    application_id: Option<String>,
    role: Option<String>,
    role_from: &'static str,
    audience: Option<String>,
    scope: String,
    expires_on: Timestamp,
    credential: String,
    credential_reason: String,
}

impl Identity {
    fn of(obtained: &Obtained) -> Self {
        let claims = obtained.token.claims();
        let given = obtained.target.as_ref().and_then(|target| target.user());
        let named = claims.role_name();
        Self {
            principal: named.map(str::to_owned),
            r#type: Kind::of(&claims),
            role: given.or(named).map(str::to_owned),
            role_from: match (given, named) {
                (Some(_), _) => "the URL or PGUSER",
                (None, Some(_)) => "the token",
                (None, None) => "nowhere: add it to the URL",
            },
            scope: obtained.scope.to_string(),
            expires_on: timestamp(obtained.token.expires_on()),
            credential: obtained.entra.credential_name(),
            credential_reason: obtained.entra.credential_reason().to_owned(),
            tenant_id: claims.tenant_id,
            object_id: claims.object_id,
            application_id: claims.application_id,
            audience: claims.audience,
        }
    }

    fn table(&self, now: SystemTime) -> String {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let left = SystemTime::try_from(self.expires_on)
            .map_or(SignedDuration::ZERO, |until| between(now, until))
            .max(SignedDuration::ZERO);
        let rows = [
            ("principal", or_dash(&self.principal)),
            (
                "type",
                self.r#type
                    .map_or_else(|| "-".into(), |kind| kind.to_string()),
            ),
            ("tenant", or_dash(&self.tenant_id)),
            ("object id", or_dash(&self.object_id)),
            ("application id", or_dash(&self.application_id)),
            (
                "role",
                format!("{} (from {})", or_dash(&self.role), self.role_from),
            ),
            ("audience", or_dash(&self.audience)),
            ("expires", format!("{} (in {left:#})", self.expires_on)),
            (
                "credential",
                format!("{} ({})", self.credential, self.credential_reason),
            ),
        ];
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: Vec<_> = rows
            .iter()
            .map(|(name, value)| format!("{name:width$}  {}", one_line(value)))
            .collect();
        lines.join("\n") + "\n"
    }
}
