//! `entra-pg token`: a token for a program that reads our output.

use std::io::{self, IsTerminal};

use clap::Args;
use entra_pg_core::Claims;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{
    failure::Failure,
    options::Server,
    output::{print, print_json},
    runtime::block_on_until_signalled,
    status,
    time::timestamp,
};

/// Print a token for a program that reads it from a pipe
///
/// The token is a password until it expires, so it is not printed to a terminal. Prefer `entra-pg psql`, `entra-pg proxy` or
/// `entra-pg exec` where you can: they verify the server, which libpq does only with PGSSLMODE=verify-full (PGSSLROOTCERT=system
/// needs libpq 16).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  PGSSLMODE=verify-full PGSSLROOTCERT=system PGPASSWORD=$(entra-pg token) pgbench --host myserver.postgres.database.azure.com --username app orders
  entra-pg token --scope https://ossrdbms-aad.database.usgovcloudapi.net --json | jq .expires_on")]
pub(crate) struct Token {
    #[command(flatten)]
    server: Server,

    /// Print JSON in the format of `az account get-access-token`
    #[arg(long)]
    json: bool,

    /// Print the token even if the output is a terminal
    #[arg(long)]
    to_terminal: bool,
}

impl Token {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        if io::stdout().is_terminal() && !self.to_terminal {
            return Err(Failure::new(
                status::USAGE,
                "a token is a password and is not printed to a terminal \
                 (pipe it into the program that needs it, or add --to-terminal; entra-pg whoami shows what is in it)",
            ));
        }
        let obtained = block_on_until_signalled(async { Ok(self.server.obtain().await?) })?;
        let token = obtained.token;
        if self.json {
            let zone = TimeZone::system();
            let expires_on = timestamp(token.expires_on());
            print_json(&AsAzure::new(
                token.secret(),
                expires_on,
                &zone,
                token.claims(),
            ))?;
        } else {
            print(&format!("{}\n", token.secret()))?;
        }
        Ok(status::OK)
    }
}

/// The Azure CLI's output for a tenant. For a subscription it has one field more.
/// <https://learn.microsoft.com/cli/azure/account#az-account-get-access-token>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AsAzure<'a> {
    access_token: &'a str,
    /// Local time without a zone; because of that `expires_on` was added.
    expires_on: String,
    #[serde(rename = "expires_on")]
    expires_on_posix: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    token_type: &'static str,
}

impl<'a> AsAzure<'a> {
    fn new(secret: &'a str, expires_on: Timestamp, zone: &TimeZone, claims: Claims) -> Self {
        let local = expires_on.to_zoned_datetime(zone.clone());
        Self {
            access_token: secret,
            expires_on: local.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
            expires_on_posix: expires_on.as_second(),
            tenant: claims.tenant_id,
            token_type: "Bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_the_azure_clis_output_reads_ours() {
        let mut claims = Claims::default();
        claims.tenant_id = Some("t".into());
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let expires_on = Timestamp::from_second(1_893_553_445).expect("in range");
        let json = serde_json::to_value(AsAzure::new("secret", expires_on, &zone, claims));
        assert_eq!(
            json.expect("JSON"),
            serde_json::json!({
                "accessToken": "secret",
                "expiresOn": "2030-01-02 05:04:05.000000",
                "expires_on": 1_893_553_445,
                "tenant": "t",
                "tokenType": "Bearer",
            })
        );
    }
}
