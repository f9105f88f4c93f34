//! The command line.

use std::{ffi::OsString, time::Duration};

use clap::{Args, Parser, ValueEnum};
use entra_pg_emulator::{CredentialSource, Fault};
use url::Url;

/// Azure for your laptop: token endpoints for unmodified Azure SDKs, and a real, throwaway
/// PostgreSQL that accepts only the tokens they issue.
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

/// Start an emulator and run a command in its environment
///
/// With a COMMAND: runs it with the variables of libpq and the Azure SDKs, and exits with its status
/// (128 + signal if a signal ended it, 127 if it does not exist, 126 if it cannot be run, 125 if the emulator
/// did not start). Without: prints `export` lines for a shell and runs until Ctrl-C. Neither leaves a process
/// or a directory behind.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  entra-pg-emulator run -- cargo test
  entra-pg-emulator run --token-lifetime 5s --credential workload-identity -- python app.py
  entra-pg-emulator run -- sh -c 'PGPASSWORD=$(entra-pg-emulator token) psql \"$DATABASE_URL\"'

For an interactive shell:
  rm -f emulator.env
  entra-pg-emulator run > emulator.env &
  until [ -s emulator.env ] || ! kill -0 $!; do sleep 1; done
  . ./emulator.env
  kill %1   # stops the emulator")]
pub(crate) struct Run {
    /// PostgreSQL role, with a managed identity of the same name; repeatable. The first is the default
    #[arg(long = "role", value_name = "NAME", default_value = "app")]
    pub(crate) roles: Vec<String>,

    /// Lifetime of tokens, such as `5s` or `1h`
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) token_lifetime: Duration,

    /// Credential that the command uses
    #[arg(long, value_enum, value_name = "SOURCE", default_value_t = Source::ManagedIdentity)]
    pub(crate) credential: Source,

    /// Delay of the token endpoints' responses
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) latency: Duration,

    /// Fault of the token endpoints, such as `service-unavailable` or `too-many-requests:30s`
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Option<Fault>,

    /// Seconds by which the token endpoints' clock is ahead; negative for behind
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) clock_skew: i64,

    /// Token audience that PostgreSQL accepts [default: the public cloud's]
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) audience: Option<String>,

    /// Start PostgreSQL without TLS, to test that a client refuses it
    #[arg(long)]
    pub(crate) without_tls: bool,

    /// Command to run, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Print a token from a running emulator
#[derive(Debug, Args)]
#[command(after_long_help = "Example, in the environment of `run`:
  PGPASSWORD=$(entra-pg-emulator token) psql \"$DATABASE_URL\"")]
pub(crate) struct Token {
    /// Role whose token to print [default: the first role]
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,

    /// Audience of the token [default: the one that PostgreSQL accepts]
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) audience: Option<String>,

    /// Lifetime in seconds, negative for an expired token [default: the emulator's token lifetime]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) lifetime: Option<i64>,

    /// Sign with a key that PostgreSQL does not trust
    #[arg(long)]
    pub(crate) other_key: bool,

    /// Address of the running emulator; `run` sets it
    #[arg(long, value_name = "URL", env = "EMULATOR_CONTROL")]
    pub(crate) control: Url,
}

/// Credential that the command uses.
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
    /// An application's certificate
    ClientCertificate,
    /// A job of GitHub Actions
    #[value(name = "github-actions")]
    GitHubActions,
    /// A job of Azure Pipelines with a service connection
    AzurePipelines,
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
            Source::ClientCertificate => Self::ClientCertificate,
            Source::GitHubActions => Self::GitHubActions,
            Source::AzurePipelines => Self::AzurePipelines,
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
