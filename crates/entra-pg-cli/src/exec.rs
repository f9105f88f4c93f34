//! `entra-pg exec`: any program, logged in.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use clap::Args;

use crate::{failure::Failure, options::Server, program, status};

/// Run a program with a fresh token in its environment
///
/// It finds DATABASE_URL and libpq's PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLMODE=verify-full and
/// PGSSLROOTCERT. It takes this process's place: signals and exit status are its own. The token is not renewed: for a program
/// that connects anew for longer than a token lives, use `entra-pg proxy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg exec -- sqlx migrate run
  entra-pg exec -- sea-orm-cli migrate up
  entra-pg exec -- diesel migration run
  entra-pg exec -- cargo sqlx prepare
  entra-pg exec postgres://app@myserver.postgres.database.azure.com/orders -- pg_dump --format custom --file orders.dump")]
pub(crate) struct Exec {
    #[command(flatten)]
    server: Server,

    /// What to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failure::new(
                status::USAGE,
                "no command is given (write it after --)",
            ));
        };
        if would_not_verify(&self.command) {
            return Err(Failure::new(
                status::NOT_STARTED,
                "Prisma reads sslmode=verify-full as prefer and would send the token to a server that it has not verified \
                 (use entra-pg proxy -- in place of entra-pg exec --)",
            ));
        }
        let database = self
            .server
            .database()
            .map_err(|error| Failure::from(error).before_the_program())?;
        program::replace_us(&database, program, arguments)
    }
}

/// Prisma's engines know `sslmode` as `disable`, `prefer` and `require` only, take others for `prefer`, and accept any
/// certificate by default. <https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments>
fn would_not_verify(command: &[OsString]) -> bool {
    const LAUNCHERS: [&str; 7] = ["npx", "bunx", "npm", "pnpm", "yarn", "bun", "node"];
    let mut names = command.iter().map(|word| {
        Path::new(word)
            .file_name()
            .and_then(OsStr::to_str)
            .unwrap_or_default()
    });
    let program = names.next().unwrap_or_default();
    program == "prisma" || LAUNCHERS.contains(&program) && names.any(|name| name == "prisma")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("prisma migrate deploy", true)]
    #[case("node_modules/.bin/prisma db pull", true)]
    #[case("npx prisma migrate deploy", true)]
    #[case("pnpm exec prisma generate", true)]
    #[case("sqlx migrate run", false)]
    #[case("psql -c prisma", false)]
    fn a_program_that_would_not_verify_the_server_gets_no_token(
        #[case] line: &str,
        #[case] refused: bool,
    ) {
        let command: Vec<OsString> = line.split(' ').map(Into::into).collect();
        assert_eq!(would_not_verify(&command), refused);
    }
}
