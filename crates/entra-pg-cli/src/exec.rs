//! `entra-pg exec`: any program, logged in.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
};

use clap::Args;
use entra_pg_core::{Login, LoginProvider};
use entra_pg_process::{WRAPPER_FAILED, exec};

use crate::{
    environment::{CONFLICTING_VARIABLES, Credentials, variables},
    failure::Failure,
    migration_tool,
    options::Server,
    runtime::block_on,
    status, trust,
};

/// Run a program with a fresh token in its environment
///
/// Sets DATABASE_URL (postgresql://…), libpq's PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLMODE=verify-full and
/// PGSSLROOTCERT, and JDBC_DATABASE_URL for programs on the JVM; and replaces this process with the program. The token is not
/// renewed: for a program that still opens connections after the token has expired, use `entra-pg proxy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg exec -- sqlx migrate run
  entra-pg exec -- sea-orm-cli migrate up
  entra-pg exec -- diesel migration run
  entra-pg exec -- cargo sqlx prepare
  entra-pg exec -- alembic upgrade head
  entra-pg exec -- sh -c 'FLYWAY_URL=$JDBC_DATABASE_URL flyway migrate'
  entra-pg exec postgres://app@myserver.postgres.database.azure.com/orders -- pg_dump --format custom --file orders.dump")]
pub(crate) struct Exec {
    #[command(flatten)]
    server: Server,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failure::new(
                status::USAGE,
                "the command is missing (write it after --)",
            ));
        };
        if would_not_verify(&self.command) {
            return Err(Failure::new(
                WRAPPER_FAILED,
                "Prisma reads sslmode=verify-full as prefer and would send the token to an unverified server \
                 (use entra-pg proxy -- instead of entra-pg exec --)",
            ));
        }
        let mut command = Command::new(program);
        command.args(arguments);
        let (provider, _) =
            log_in(&self.server, &mut command).map_err(Failure::before_the_program)?;
        migration_tool::warn(&self.command, provider.target());
        Err(exec(&mut command).into())
    }
}

/// Fetches a token, and puts the login into the program's environment.
pub(crate) fn log_in(
    server: &Server,
    command: &mut Command,
) -> Result<(LoginProvider, Login), Failure> {
    let (provider, login) = block_on(async { Ok(server.log_in().await?) })?;
    let credentials = Credentials {
        user: login.user(),
        password: login.token().secret(),
    };
    let roots = trust::file(provider.target().root_certificates());
    for name in CONFLICTING_VARIABLES {
        command.env_remove(name);
    }
    command.envs(variables(provider.target(), credentials, roots.as_deref()));
    Ok((provider, login))
}

/// Prisma's engines know only `disable`, `prefer` and `require` as `sslmode`, read others as `prefer`, and accept any
/// certificate by default. <https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments>
fn would_not_verify(command: &[OsString]) -> bool {
    const LAUNCHERS: [&str; 9] = [
        "npx", "pnpx", "bunx", "npm", "pnpm", "yarn", "bun", "node", "deno",
    ];
    let Some((program, arguments)) = command.split_first() else {
        return false;
    };
    let launched = Path::new(program)
        .file_stem()
        .and_then(OsStr::to_str)
        .is_some_and(|name| LAUNCHERS.contains(&name));
    names_prisma(program) || launched && arguments.iter().any(|word| names_prisma(word))
}

/// Also with a version or a registry (`prisma@latest`, `npm:prisma@7`), and as a file of its package.
fn names_prisma(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    let name = word.rsplit(['/', '\\', ':']).next().unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default();
    matches!(name, "prisma" | "prisma.cmd" | "prisma.exe" | "prisma.ps1")
        || word.contains("node_modules/prisma/")
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
    #[case("npx --yes prisma@latest migrate deploy", true)]
    #[case("pnpm dlx prisma@7.0.0 migrate deploy", true)]
    #[case("deno run -A npm:prisma@7 migrate deploy", true)]
    #[case("node node_modules/prisma/build/index.js migrate deploy", true)]
    #[case("npx.cmd prisma.cmd migrate deploy", true)]
    #[case("npx prisma-lint", false)]
    #[case("node /home/me/prisma/server.js", false)]
    #[case("node dist/prisma.js", false)]
    #[case("/home/me/prisma/bin/diesel migration run", false)]
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
