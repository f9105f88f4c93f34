//! The command line.

use std::{ffi::OsString, time::Duration};

use clap::{Args, Parser, ValueEnum};
use entra_pg_emulator::{CredentialSource, Fault};
use url::Url;

/// Azure for your laptop: token endpoints that unmodified Azure SDKs talk to, and a real, throwaway
/// PostgreSQL that accepts only the tokens they hand out.
#[derive(Debug, Parser)]
#[command(name = "entra-pg-emulator", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    Run(Run),
    Token(Token),
    /// Stands in for the Azure CLI
    #[command(hide = true, disable_help_flag = true)]
    Az {
        #[arg(long, env = "EMULATOR_CONTROL", hide = true)]
        control: Url,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// Start an emulator, and run a command in its environment
///
/// With a COMMAND: runs it with libpq's and the Azure SDKs' variables, and exits with its
/// status (128 + signal if one killed it, 127 if it does not exist, 125 if the emulator did not start).
/// Without: prints `export` lines for a shell and stays up until Ctrl-C. Either way nothing is left behind.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  entra-pg-emulator run -- cargo test
  entra-pg-emulator run --token-lifetime 5s --credential workload-identity -- python app.py
  entra-pg-emulator run -- sh -c 'PGPASSWORD=$(entra-pg-emulator token) psql \"$DATABASE_URL\"'

For a shell of your own:
  rm -f emulator.env
  entra-pg-emulator run > emulator.env &
  until [ -s emulator.env ] || ! kill -0 $!; do sleep 1; done
  . ./emulator.env
  kill %1   # in the end")]
pub(crate) struct Run {
    /// A PostgreSQL role and the managed identity mapped to it; repeat for more. The first is the default
    #[arg(long = "role", value_name = "NAME", default_value = "app")]
    pub(crate) roles: Vec<String>,

    /// How long tokens live, as in `5s` or `1h`
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) token_lifetime: Duration,

    /// How the command gets its tokens
    #[arg(long, value_enum, value_name = "SOURCE", default_value_t = Source::ManagedIdentity)]
    pub(crate) credential: Source,

    /// How long token endpoints take to answer
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) latency: Duration,

    /// An outage of the token endpoints from the start, as in `service-unavailable` or `too-many-requests:30s`
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Option<Fault>,

    /// How many seconds the token endpoints' clock is ahead; negative for behind
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) clock_skew: i64,

    /// The token audience PostgreSQL accepts [default: the public cloud's]
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) audience: Option<String>,

    /// PostgreSQL without TLS, to see that a client refuses it
    #[arg(long)]
    pub(crate) without_tls: bool,

    /// What to run, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Print a token from a running emulator
#[derive(Debug, Args)]
#[command(after_long_help = "Example, in the environment of `run`:
  PGPASSWORD=$(entra-pg-emulator token) psql \"$DATABASE_URL\"")]
pub(crate) struct Token {
    /// Whose token [default: the first role's]
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,

    /// For which audience [default: the one PostgreSQL accepts]
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) audience: Option<String>,

    /// Seconds it lives, negative for an expired one [default: the emulator's token lifetime]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) lifetime: Option<i64>,

    /// Signed by a key PostgreSQL does not trust
    #[arg(long)]
    pub(crate) other_key: bool,

    /// The running emulator's address, which `run` sets
    #[arg(long, value_name = "URL", env = "EMULATOR_CONTROL")]
    pub(crate) control: Url,
}

/// How the command gets its tokens.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Source {
    /// App Service, Functions, Container Apps: `IDENTITY_ENDPOINT`
    ManagedIdentity,
    /// A virtual machine's metadata endpoint
    Imds,
    /// Kubernetes (AKS): a federated token file
    WorkloadIdentity,
    /// An application's secret
    ClientSecret,
    /// `az login` on a laptop
    AzureCli,
}

impl From<Source> for CredentialSource {
    fn from(source: Source) -> Self {
        match source {
            Source::ManagedIdentity => Self::ManagedIdentity,
            Source::Imds => Self::Imds,
            Source::WorkloadIdentity => Self::WorkloadIdentity,
            Source::ClientSecret => Self::ClientSecret,
            Source::AzureCli => Self::AzureCli,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_commands_own_options_are_left_alone() {
        let arguments = Arguments::parse_from([
            "x", "run", "--role", "a", "--role", "b", "--", "prog", "--role", "c",
        ]);
        let Subcommand::Run(run) = arguments.subcommand else {
            panic!("not run")
        };
        assert_eq!(
            (run.roles, run.command),
            (
                vec!["a".into(), "b".into()],
                ["prog", "--role", "c"].map(Into::into).into()
            )
        );
        let az = [
            "x",
            "az",
            "--control",
            "http://h",
            "account",
            "get-access-token",
            "-o",
            "json",
            "--scope",
            "s",
        ];
        let Subcommand::Az { arguments, .. } = Arguments::parse_from(az).subcommand else {
            panic!("not az")
        };
        assert_eq!(arguments.len(), 6);
    }
}
