//! `entra-pg psql`: psql, logged in by a proxy in this process.

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

use clap::{ArgAction, Args};
use entra_pg_core::Target;
use entra_pg_process::{NOT_FOUND, WRAPPER_FAILED, exec};

use crate::{
    environment::Local,
    exec::log_in,
    failure::Failure,
    local_proxy::LocalProxy,
    options::{Identity, Server},
    runtime::block_on,
    socket, trust,
};

/// Run psql, logged in with a fresh token for each connection
///
/// psql connects through a private socket of this process and never sees a token; on Windows it gets one that is not renewed.
/// Options of entra-pg come first; all others are psql's. A URL in psql's arguments selects the server, as usual; host, port
/// and role belong in it.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:
  entra-pg psql
  entra-pg psql -c 'select current_user'
  entra-pg psql postgres://admin@myserver.postgres.database.azure.com/postgres -f roles.sql
  entra-pg role-sql | entra-pg psql --credential AzureCliCredential postgres://ADMIN@HOST/postgres"
)]
pub(crate) struct Psql {
    #[command(flatten)]
    identity: Identity,

    /// Log progress to stderr; repeat for more detail (-v is psql's)
    #[arg(long, action = ArgAction::Count)]
    verbose: u8,

    /// Print help (-h is psql's)
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Arguments for psql
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

impl Psql {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        if self.arguments.iter().any(|word| selects_server(word)) {
            return Err(Failure::new(
                WRAPPER_FAILED,
                "the host, the port and the role belong in the URL \
                 (write entra-pg psql postgres://ROLE@HOST:PORT/DATABASE)",
            ));
        }
        let argument = UrlArgument::find(&self.arguments);
        let server = Server {
            url: match &argument {
                Some(argument) => Some(argument.url.clone()),
                None => std::env::var("DATABASE_URL").ok(),
            },
            identity: self.identity,
        };
        let logged_in = if cfg!(unix) {
            through_a_proxy(&server, argument, self.arguments)
        } else {
            with_a_token(&server, argument, self.arguments)
        };
        logged_in.map_err(explain)
    }
}

fn through_a_proxy(
    server: &Server,
    url: Option<UrlArgument>,
    arguments: Vec<OsString>,
) -> Result<u8, Failure> {
    block_on(async {
        let proxy = LocalProxy::start(server, socket::private).await?;
        let local = proxy.local();
        let mut command = Command::new("psql");
        proxy.configure(&mut command);
        verify_other_servers(&mut command, local.target);
        command.args(naming_the_database(url, arguments, &local));
        proxy.run(command).await
    })
}

/// Where there are no private sockets: other users could connect to a port.
fn with_a_token(
    server: &Server,
    url: Option<UrlArgument>,
    arguments: Vec<OsString>,
) -> Result<u8, Failure> {
    let mut command = Command::new("psql");
    let (provider, login) = log_in(server, &mut command).map_err(Failure::before_the_program)?;
    let local = Local {
        target: provider.target(),
        user: login.user(),
    };
    command.args(naming_the_database(url, arguments, &local));
    Err(exec(&mut command).into())
}

fn naming_the_database(
    url: Option<UrlArgument>,
    mut arguments: Vec<OsString>,
    local: &Local<'_>,
) -> Vec<OsString> {
    if let Some(url) = url {
        let database = local.target.database().unwrap_or(local.user);
        url.replace(&mut arguments, database);
    }
    arguments
}

#[cfg(test)]
impl Psql {
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }
}

/// libpq ignores `sslmode` on a socket. psql itself has to verify what it connects to by `\connect`.
fn verify_other_servers(command: &mut Command, target: &Target) {
    let roots = trust::file(target.root_certificates());
    command
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", roots.unwrap_or_else(|| "system".into()));
}

fn explain(failure: Failure) -> Failure {
    if failure.status == NOT_FOUND {
        return Failure::new(
            NOT_FOUND,
            "psql is not on the PATH (install it; Debian: postgresql-client)",
        );
    }
    failure
}

/// Options with which psql would miss the proxy. One that is overlooked leads psql to a server without a token.
fn selects_server(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    let name = word.split('=').next().unwrap_or_default();
    ["-h", "-p", "-U"]
        .iter()
        .any(|option| word.starts_with(option))
        || ["--host", "--port", "--username"].contains(&name)
}

/// The URL in psql's arguments. Our own parser reads it, as every URL.
#[derive(Debug, PartialEq, Eq)]
struct UrlArgument {
    position: usize,
    /// What precedes the URL in its word.
    option: &'static str,
    url: String,
}

impl UrlArgument {
    fn find(arguments: &[OsString]) -> Option<Self> {
        let mut words = arguments.iter().enumerate();
        words.find_map(|(position, word)| {
            let word = word.to_str()?;
            let mut options = ["--dbname=", "-d", ""].into_iter();
            let (option, url) = options.find_map(|o| Some((o, word.strip_prefix(o)?)))?;
            let before = position
                .checked_sub(1)
                .and_then(|at| arguments.get(at)?.to_str());
            let is_free = !option.is_empty() || !before.is_some_and(takes_another_value);
            (is_url(url) || (is_free && names_host(url))).then(|| Self {
                position,
                option,
                url: url.to_owned(),
            })
        })
    }

    /// Leaves the database's name in its place. Everything else is in the environment.
    fn replace(&self, arguments: &mut [OsString], database: &str) {
        let database = database.replace('\\', r"\\").replace('\'', r"\'");
        if let Some(word) = arguments.get_mut(self.position) {
            *word = format!("{}dbname='{database}'", self.option).into();
        }
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// Whether it is libpq's keyword form, and names a server. Settings without one leave psql at the proxy.
fn names_host(text: &str) -> bool {
    let is_keyword = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let begins = text.split_once('=').map(|(name, _)| name.trim());
    let mut words = text.split_whitespace();
    begins.is_some_and(is_keyword) && words.any(|word| word.split('=').next() == Some("host"))
}

/// Whether the next word is this option's value, and not the database: `-v host=x`.
fn takes_another_value(option: &str) -> bool {
    const LONG: [&str; 10] = [
        "command",
        "file",
        "set",
        "variable",
        "log-file",
        "output",
        "field-separator",
        "pset",
        "record-separator",
        "table-attr",
    ];
    match option.strip_prefix("--") {
        Some(name) => !name.is_empty() && LONG.iter().any(|long| long.starts_with(name)),
        None => {
            option.starts_with('-')
                && option.ends_with(['c', 'f', 'F', 'L', 'o', 'P', 'R', 'T', 'v'])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(Into::into).collect()
    }

    #[rstest]
    #[case("postgres://h/d -c x", "postgres://h/d", "dbname='o' -c x")]
    #[case(
        "-X -d postgresql://h/d -c x",
        "postgresql://h/d",
        "-X -d dbname='o' -c x"
    )]
    #[case("--dbname=postgres://h/d", "postgres://h/d", "--dbname=dbname='o'")]
    #[case("--db postgres://h/d -c x", "postgres://h/d", "--db dbname='o' -c x")]
    #[case("-Atd postgres://h/d -c x", "postgres://h/d", "-Atd dbname='o' -c x")]
    #[case("-dpostgres://h/d", "postgres://h/d", "-ddbname='o'")]
    #[case("-fbad postgres://h/d", "postgres://h/d", "-fbad dbname='o'")]
    #[case("host=h -c x", "host=h", "dbname='o' -c x")]
    #[case("-X host=h", "host=h", "-X dbname='o'")]
    #[case("-Atd host=h", "host=h", "-Atd dbname='o'")]
    #[case("--dbname=host=h", "host=h", "--dbname=dbname='o'")]
    fn a_url_does_not_reach_psql(#[case] given: &str, #[case] url: &str, #[case] left: &str) {
        let mut arguments = words(given);
        let argument = UrlArgument::find(&arguments).expect("a URL");
        assert_eq!(argument.url, url);
        argument.replace(&mut arguments, "o");
        assert_eq!(arguments, words(left));
    }

    #[rstest]
    #[case("-d orders -c x")]
    #[case("-v url=postgres://h/d")]
    #[case("-v host=evil")]
    #[case("-Atv host=evil")]
    #[case("--set host=evil")]
    #[case("-d dbname=orders")]
    fn other_arguments_are_psqls(#[case] given: &str) {
        assert_eq!(UrlArgument::find(&words(given)), None);
    }

    #[rstest]
    #[case("host=h dbname=d", true)]
    #[case("dbname=d host = h", true)]
    #[case("dbname=d user=u", false)]
    #[case("select host = 'h' from t", false)]
    #[case("update t set host='h'", false)]
    #[case("insert into t values ('a=b', host)", false)]
    fn keywords_that_name_a_server_are_told_from_sql(#[case] text: &str, #[case] names: bool) {
        assert_eq!(names_host(text), names, "{text}");
    }

    #[test]
    fn a_database_name_adds_no_setting() {
        let mut arguments = words("postgres://h/");
        let argument = UrlArgument::find(&arguments).expect("a URL");
        argument.replace(&mut arguments, r"a=b' host='evil\");
        assert_eq!(arguments, [r"dbname='a=b\' host=\'evil\\'"]);
    }

    #[rstest]
    #[case("-h", true)]
    #[case("-hevil", true)]
    #[case("--host=evil", true)]
    #[case("--port", true)]
    #[case("-Uother", true)]
    #[case("--help=commands", false)]
    #[case("--html", false)]
    #[case("-P", false)]
    #[case("--pset=border", false)]
    #[case("select 1", false)]
    fn an_option_that_would_miss_the_proxy_is_noticed(#[case] word: &str, #[case] noticed: bool) {
        assert_eq!(selects_server(OsStr::new(word)), noticed);
    }
}
