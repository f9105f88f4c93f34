//! The command line.

use std::{ffi::OsString, io::Write, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::{
    CredentialSource, Fault, az,
    http::{client, control::Mint},
    run,
};

/// Azure for your laptop: token endpoints that unmodified Azure SDKs talk to, and a real, throwaway
/// PostgreSQL that accepts only the tokens they hand out.
#[derive(Debug, Parser)]
#[command(name = "entra-pg-emulator", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
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
    #[arg(long, value_enum, value_name = "SOURCE", default_value_t = CredentialSource::ManagedIdentity)]
    pub(crate) credential: CredentialSource,

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
struct Token {
    /// Whose token [default: the first role's]
    #[arg(long, value_name = "NAME")]
    role: Option<String>,

    /// For which audience [default: the one PostgreSQL accepts]
    #[arg(long, value_name = "RESOURCE")]
    audience: Option<String>,

    /// Seconds it lives, negative for an expired one [default: the emulator's token lifetime]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    lifetime: Option<i64>,

    /// Signed by a key PostgreSQL does not trust
    #[arg(long)]
    other_key: bool,

    /// The running emulator's address, which `run` sets
    #[arg(long, value_name = "URL", env = "EMULATOR_CONTROL")]
    control: Url,
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Task::Run(arguments) => {
            log();
            run::main(arguments)
        }
        Task::Token(arguments) => token(arguments),
        Task::Az { control, arguments } => az::main(&control, &arguments),
    }
}

fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

fn token(arguments: Token) -> ExitCode {
    let Token {
        role,
        audience,
        lifetime,
        other_key,
        control,
    } = arguments;
    let request = Mint {
        role,
        audience,
        lifetime,
        other_key,
    };
    match fetch(&control, &request) {
        Ok(token) if writeln!(std::io::stdout(), "{token}").is_ok() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            _ = writeln!(std::io::stderr(), "entra-pg-emulator: {message}");
            ExitCode::FAILURE
        }
    }
}

fn fetch(control: &Url, request: &Mint) -> Result<String, String> {
    let url = control
        .join("/control/token")
        .map_err(|error| error.to_string())?;
    let body = serde_json::to_string(request).map_err(|error| error.to_string())?;
    match client::send("POST", &url, &body) {
        Ok((200, token)) => Ok(token),
        Ok((_, refusal)) => Err(description(&refusal)),
        Err(error) => Err(format!(
            "no emulator answers at {control}: {error}. Start one with `entra-pg-emulator run`"
        )),
    }
}

/// The sentence in an error of the control API.
fn description(refusal: &str) -> String {
    let parsed: serde_json::Value = serde_json::from_str(refusal).unwrap_or_default();
    parsed["error_description"]
        .as_str()
        .unwrap_or(refusal)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_commands_own_options_are_left_alone() {
        let cli = Cli::parse_from([
            "x", "run", "--role", "a", "--role", "b", "--", "prog", "--role", "c",
        ]);
        let Task::Run(run) = cli.command else {
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
        let Task::Az { arguments, .. } = Cli::parse_from(az).command else {
            panic!("not az")
        };
        assert_eq!(arguments.len(), 6);
    }
}
