//! `entra-pg psql`: psql, logged in.

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, Args};

use crate::{
    failure::Failure,
    options::{Identity, Server},
    program,
    psql_arguments::{Takes, is_url, leads_elsewhere, short},
    status,
};

/// Run psql, logged in
///
/// Options of entra-pg itself come first; everything else is psql's. A URL among psql's arguments is where it connects to, as
/// ever.
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

    /// Say on standard error what is done; twice for more. (-v is psql's)
    #[arg(long, action = ArgAction::Count)]
    verbose: u8,

    /// Print help. (-h is psql's)
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// psql's own
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

impl Psql {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let (url, arguments) = take_url(self.arguments);
        if leads_elsewhere(&arguments) {
            return Err(Failure::new(
                status::NOT_STARTED,
                "the host belongs into the URL: the token and the verification depend on it \
                 (write entra-pg psql postgres://ROLE@HOST/DATABASE)",
            ));
        }
        let server = Server {
            url: url.or_else(|| std::env::var("DATABASE_URL").ok()),
            identity: self.identity,
        };
        let database = server
            .database()
            .map_err(|error| Failure::from(error).before_the_program())?;
        program::replace_us(&database, OsStr::new("psql"), &arguments).map_err(explain)
    }
}

#[cfg(test)]
impl Psql {
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }
}

fn explain(failure: Failure) -> Failure {
    if failure.status == status::NOT_FOUND {
        return Failure::new(
            status::NOT_FOUND,
            "psql is not on the PATH (install it; Debian: postgresql-client)",
        );
    }
    failure
}

/// Takes the URL out of psql's arguments: it goes through our parser, as every URL does.
fn take_url(mut arguments: Vec<OsString>) -> (Option<String>, Vec<OsString>) {
    let mut words = arguments.iter().enumerate();
    let Some((at, url)) = words.find_map(|(at, word)| Some((at, url_in(word)?))) else {
        return (None, arguments);
    };
    arguments.remove(at);
    if let Some(option) = at.checked_sub(1)
        && let Some(rest) = arguments[option].to_str().and_then(without_dbname)
    {
        if rest.is_empty() {
            arguments.remove(option);
        } else {
            arguments[option] = rest.into();
        }
    }
    (Some(url), arguments)
}

/// What is left of an option that takes the next word for the database's name: of `-d`, of `--dbname` or as much of it as psql
/// needs, or of short ones in one word, as in `-Atd`. `None` if it is no such option.
fn without_dbname(option: &str) -> Option<String> {
    if option.starts_with("--") {
        let is_dbname = option.len() > "--".len() && "--dbname".starts_with(option);
        return is_dbname.then(String::new);
    }
    let flags = option.strip_prefix('-')?.strip_suffix('d')?;
    // One with a value takes what follows it in its word.
    let takes_the_d = flags.contains(|flag| !matches!(short(flag), Takes::Nothing));
    (!takes_the_d).then(|| match flags {
        "" => String::new(),
        flags => format!("-{flags}"),
    })
}

fn url_in(word: &OsStr) -> Option<String> {
    let word = word.to_str()?;
    let mut options = ["--dbname=", "-d"].into_iter();
    let value = options
        .find_map(|option| word.strip_prefix(option))
        .unwrap_or(word);
    is_url(value).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("postgres://h/d -c x", Some("postgres://h/d"), "-c x")]
    #[case("-X -d postgresql://h/d -c x", Some("postgresql://h/d"), "-X -c x")]
    #[case("--dbname=postgres://h/d", Some("postgres://h/d"), "")]
    #[case("--db postgres://h/d -c x", Some("postgres://h/d"), "-c x")]
    #[case("-Atd postgres://h/d -c x", Some("postgres://h/d"), "-At -c x")]
    #[case("-fbad postgres://h/d", Some("postgres://h/d"), "-fbad")]
    #[case("-d orders -c x", None, "-d orders -c x")]
    #[case("-v url=postgres://h/d", None, "-v url=postgres://h/d")]
    fn a_url_does_not_reach_psql(
        #[case] given: &str,
        #[case] url: Option<&str>,
        #[case] left: &str,
    ) {
        let words = |line: &str| line.split_whitespace().map(Into::into).collect();
        let taken = take_url(words(given));
        assert_eq!((taken.0.as_deref(), taken.1), (url, words(left)));
    }
}
