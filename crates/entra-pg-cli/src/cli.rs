//! The command line: the subcommands, and what happens with their results.

use std::io::IsTerminal;

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{
    completions, doctor, exec, failure::Failure, man, output::eprint_error, proxy, psql, role_sql,
    token, whoami,
};

/// Log in to Azure Database for PostgreSQL with a Microsoft Entra token in place of a password
#[derive(Debug, Parser)]
#[command(name = "entra-pg", version, arg_required_else_help = true, after_help = MORE)]
pub(crate) struct Cli {
    /// Log progress to stderr (repeat for more detail; RUST_LOG overrides). Tokens are never logged
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Doctor(doctor::Doctor),
    Token(token::Token),
    Whoami(whoami::Whoami),
    Psql(psql::Psql),
    Exec(exec::Exec),
    Proxy(proxy::Proxy),
    RoleSql(role_sql::RoleSql),
    Completions(completions::Completions),
    Man(man::Man),
}

const MORE: &str = "\
Name the server as postgres://ROLE@HOST/DATABASE, without a password, as an argument or in DATABASE_URL. Missing parts
come from PGHOST, PGPORT, PGUSER, PGDATABASE, PGSSLROOTCERT … The server's certificate is always verified.

The identity comes from the environment: a managed identity, workload identity, a client secret, or az login.

Examples:
  export DATABASE_URL=postgres://app@myserver.postgres.database.azure.com/orders
  entra-pg doctor                              # find out why a login fails
  entra-pg psql -c 'select current_user'
  entra-pg exec -- sqlx migrate run
  entra-pg proxy -- npx prisma migrate deploy
  entra-pg role-sql                            # print the SQL that creates the role

Exit status: 0 on success, 2 for wrong arguments, 3 configuration, 4 token, 5 connection, 6 login. psql, exec and
proxy exit with the program's status; with 125 if they fail before it starts, 126 if it cannot be run, 127 if it is
not found.";

/// Parses the arguments and runs the subcommand. Returns the exit status.
pub(crate) fn main() -> u8 {
    let cli = Cli::parse();
    log(cli.verbose, cli.task.logs_warnings());
    cli.task.run().unwrap_or_else(|failure| {
        if let Some(message) = failure.message {
            eprint_error(&message);
        }
        failure.status
    })
}

impl Task {
    /// A proxy sends its errors to its clients, which may hide them.
    fn logs_warnings(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    fn run(self) -> Result<u8, Failure> {
        match self {
            Self::Doctor(doctor) => doctor.run(),
            Self::Token(token) => token.run(),
            Self::Whoami(whoami) => whoami.run(),
            Self::Psql(psql) => psql.run(),
            Self::Exec(exec) => exec.run(),
            Self::Proxy(proxy) => proxy.run(),
            Self::RoleSql(role_sql) => role_sql.run(),
            Self::Completions(completions) => completions.run(Cli::command()),
            Self::Man(man) => man.run(Cli::command()),
        }
    }
}

/// Without `-v` nothing is logged but a warning about the server's name: our own errors are printed.
fn log(verbose: u8, warn: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(match verbose {
            0 if warn => "entra_pg=warn,entra_pg::proxy=info",
            0 => "entra_pg::target=warn",
            1 => "entra_pg=info",
            _ => "entra_pg=debug",
        })
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn psqls_own_options_are_left_alone() {
        let line =
            "entra-pg psql --scope https://r.example --verbose -v ON_ERROR_STOP=1 -h x --help";
        let cli = Cli::parse_from(line.split(' '));
        let Task::Psql(psql) = cli.task else {
            panic!("not psql")
        };
        assert_eq!(cli.verbose, 1);
        assert_eq!(
            psql.arguments(),
            ["-v", "ON_ERROR_STOP=1", "-h", "x", "--help"]
        );
    }

    #[test]
    fn help_prints_no_value_from_the_environment() {
        let mut command = Cli::command();
        for subcommand in command.get_subcommands_mut() {
            for argument in subcommand.get_arguments() {
                let shown = argument.get_env().is_some() && !argument.is_hide_env_values_set();
                assert!(!shown, "{}: {}", subcommand.get_name(), argument.get_id());
            }
        }
    }
}
