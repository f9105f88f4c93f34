//! Connection strings of other tools and drivers, which are recognised and not read: what such a string is, and what it says
//! in our words. Pure; the caller sees to it that no part of a secret is printed.

use super::{cloud::Scope, keyword_form, session_settings::SPACES};

/// What a string is, and what it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Other {
    /// With its article: `a JDBC URL`.
    pub(super) form: &'static str,
    pub(super) says: Says,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// The same as this string, in whatever form.
    Text(String),
    Pairs(Vec<(String, String)>),
    /// Nothing that can be told.
    Nothing,
}

/// Other schemes of URLs for `PostgreSQL`, beside those with a driver (`postgresql+psycopg`) or a prefix (`jdbc:postgresql`).
const SCHEMES: [&str; 20] = [
    "asyncpg",
    "cockroach",
    "cockroachdb",
    "crdb-postgres",
    "ecto",
    "greenplum",
    "pg",
    "pgsql",
    "pgx",
    "pgx4",
    "pgx5",
    "postgis",
    "postgresql_psycopg2",
    "psql",
    "psycopg",
    "psycopg2",
    "redshift",
    "tcp",
    "timescale",
    "timescaledb",
];

pub(super) fn recognise(text: &str) -> Option<Other> {
    scheme(text)
        .or_else(|| assignment(text))
        .or_else(|| command(text))
        .or_else(|| semicolons(text))
        .or_else(|| bare_host(text))
}

fn wrapped(form: &'static str, text: impl Into<String>) -> Other {
    let says = Says::Text(text.into());
    Other { form, says }
}

fn scheme(given: &str) -> Option<Other> {
    let Some((scheme, rest)) = given.split_once("://") else {
        return given
            .to_ascii_lowercase()
            .starts_with("jdbc:postgresql:")
            .then_some(Other {
                form: "a JDBC URL",
                says: Says::Nothing,
            });
    };
    let scheme = scheme.to_ascii_lowercase();
    let is_ours = |name: &str| ["postgres", "postgresql", "pgsql"].contains(&name);
    let url = format!("postgres://{rest}");
    if scheme == "prisma" || scheme == "prisma+postgres" {
        return Some(Other {
            form: "a URL of Prisma's proxy, which takes no Entra tokens",
            says: Says::Nothing,
        });
    }
    match scheme.rsplit_once(':') {
        Some((prefix, inner)) if is_ours(inner) && prefix.starts_with("jdbc") => {
            Some(wrapped("a JDBC URL", url))
        }
        Some((_, inner)) if is_ours(inner) => Some(wrapped("an R2DBC URL", url)),
        _ if scheme
            .split_once('+')
            .is_some_and(|(base, _)| is_ours(base)) =>
        {
            Some(wrapped("a URL that names a driver", url))
        }
        _ if SCHEMES.contains(&scheme.as_str()) => Some(wrapped("a URL of another tool", url)),
        _ => None,
    }
}

/// `DATABASE_URL="…"`, as in a `.env` file or a shell.
fn assignment(given: &str) -> Option<Other> {
    let rest = given.strip_prefix("export ").unwrap_or(given).trim_start();
    let (name, value) = rest.split_once('=')?;
    let is_variable = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_one = !name.is_empty() && name.chars().all(is_variable);
    (is_one
        && (value.contains("://")
            || keyword_form::recognises(value.trim_start_matches(['"', '\'']))))
    .then(|| wrapped("an assignment to a variable", value))
}

/// `psql "host=… user=…"`, or `psql -h HOST -U ROLE DATABASE`, as the portal shows them.
fn command(given: &str) -> Option<Other> {
    const FORM: &str = "a psql command";
    let rest = given.strip_prefix("psql")?.strip_prefix(SPACES)?;
    let inner = rest.trim().trim_matches(['"', '\'']);
    if inner.contains("://") || keyword_form::recognises(inner) {
        return Some(wrapped(FORM, rest.trim()));
    }
    let mut words = rest
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']));
    let mut pairs = Vec::new();
    while let Some(word) = words.next() {
        let (option, attached) = match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => (option, value),
            _ if word.starts_with("--") || !word.starts_with('-') => (word, ""),
            _ => word.split_at_checked(2).unwrap_or((word, "")),
        };
        let name = match option {
            "-h" | "--host" => "host",
            "-p" | "--port" => "port",
            "-U" | "--username" => "user",
            "-d" | "--dbname" => "dbname",
            database if !database.starts_with('-') => {
                pairs.push(("dbname".to_owned(), database.to_owned()));
                continue;
            }
            _ => continue,
        };
        let value = if attached.is_empty() {
            words.next()?
        } else {
            attached
        };
        pairs.push((name.to_owned(), value.to_owned()));
    }
    let says = Says::Pairs(pairs);
    Some(Other { form: FORM, says })
}

/// ADO.NET's `Server=…;Database=…`, ODBC's, and the data source names of PHP and Perl.
fn semicolons(given: &str) -> Option<Other> {
    let lower = given.to_ascii_lowercase();
    let prefix = ["pgsql:", "dbi:pg:"]
        .into_iter()
        .find(|prefix| lower.starts_with(prefix));
    let rest = given.get(prefix.map_or(0, str::len)..)?;
    let (first, _) = rest.split_once('=')?;
    // libpq's keyword form may hold a semicolon in a later value.
    let first_word = rest.split(SPACES).next().unwrap_or_default();
    let ended = ours(first).is_some() && first_word.contains(';');
    if prefix.is_none() && !ended && !is_ado_key(first) {
        return None;
    }
    let read = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'', '{', '}']).to_owned();
        Some((ours(key).unwrap_or("").to_owned(), value))
    };
    let parts = rest.split(';').filter(|part| !part.trim().is_empty());
    let form = match prefix {
        Some(_) => "a data source name of PHP or Perl",
        None if lower.contains("driver=") || lower.contains("dsn=") => "an ODBC string",
        None => "an ADO.NET string",
    };
    let says = parts
        .map(read)
        .collect::<Option<_>>()
        .map_or(Says::Nothing, Says::Pairs);
    Some(Other { form, says })
}

fn letters(key: &str) -> String {
    key.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Our name for a key of ADO.NET, which has them in any case and with blanks. The empty name is for what means nothing here.
fn ours(key: &str) -> Option<&'static str> {
    Some(match letters(key).as_str() {
        "host" | "server" | "servername" | "datasource" | "address" => "host",
        "port" => "port",
        "database" | "dbname" | "db" | "initialcatalog" => "dbname",
        "user" | "userid" | "username" | "uid" => "user",
        "applicationname" => "application_name",
        "searchpath" => "options[search_path]",
        "timeout" => "connect_timeout",
        "rootcertificate" => "sslrootcert",
        "sslmode" => "sslmode",
        "driver" | "dsn" => "",
        _ => return None,
    })
}

/// A key that libpq's keyword form does not have.
fn is_ado_key(key: &str) -> bool {
    let keys = [
        "server",
        "datasource",
        "userid",
        "driver",
        "dsn",
        "database",
    ];
    keys.contains(&letters(key).as_str())
}

/// `myserver.postgres.database.azure.com/orders`, without a scheme.
fn bare_host(given: &str) -> Option<Other> {
    let host = given.rsplit('@').next()?.split(['/', ':', '?']).next()?;
    let known = !given.contains(SPACES) && Scope::of_azure_host(host).is_some();
    known.then(|| wrapped("a URL without its scheme", format!("postgres://{given}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("jdbc:postgresql://h/d?user=u", "a JDBC URL", "postgres://h/d?user=u")]
    #[case("jdbc:tracing:postgresql://h/d", "a JDBC URL", "postgres://h/d")]
    #[case("r2dbc:pool:postgresql://h/d", "an R2DBC URL", "postgres://h/d")]
    #[case(
        "postgresql+psycopg://u@h/d",
        "a URL that names a driver",
        "postgres://u@h/d"
    )]
    #[case(
        "postgresql+asyncpg://u@h/d",
        "a URL that names a driver",
        "postgres://u@h/d"
    )]
    #[case(
        "postgres+tcp://u@h/d",
        "a URL that names a driver",
        "postgres://u@h/d"
    )]
    #[case("ecto://u@h/d", "a URL of another tool", "postgres://u@h/d")]
    #[case("PGX5://u@h/d", "a URL of another tool", "postgres://u@h/d")]
    #[case(
        "DATABASE_URL=\"postgres://h/d\"",
        "an assignment to a variable",
        "\"postgres://h/d\""
    )]
    #[case("export DATABASE_URL=host=h", "an assignment to a variable", "host=h")]
    #[case("psql \"host=h user=u\"", "a psql command", "\"host=h user=u\"")]
    #[case("psql postgres://h/d", "a psql command", "postgres://h/d")]
    #[case(
        "app@my.postgres.database.azure.com/d",
        "a URL without its scheme",
        "postgres://app@my.postgres.database.azure.com/d"
    )]
    fn a_wrapped_string_is_unwrapped(
        #[case] given: &str,
        #[case] form: &'static str,
        #[case] inner: &str,
    ) {
        let says = Says::Text(inner.to_owned());
        assert_eq!(recognise(given), Some(Other { form, says }));
    }

    #[rstest]
    #[case("Server=h;Database=d;Port=5432;User Id=u;Ssl Mode=Require;", "an ADO.NET string", &[("host", "h"), ("dbname", "d"), ("port", "5432"), ("user", "u"), ("sslmode", "Require")])]
    #[case("Server=h", "an ADO.NET string", &[("host", "h")])]
    #[case("Host=h;Username='u v'", "an ADO.NET string", &[("host", "h"), ("user", "u v")])]
    #[case("Driver={PostgreSQL Unicode};Server=h;Uid=u", "an ODBC string", &[("", "PostgreSQL Unicode"), ("host", "h"), ("user", "u")])]
    #[case("pgsql:host=h;dbname=d", "a data source name of PHP or Perl", &[("host", "h"), ("dbname", "d")])]
    #[case("psql -h h -U u -p5433 d", "a psql command", &[("host", "h"), ("user", "u"), ("port", "5433"), ("dbname", "d")])]
    #[case("psql --host=h --username u", "a psql command", &[("host", "h"), ("user", "u")])]
    fn pairs_are_read_under_our_names(
        #[case] given: &str,
        #[case] form: &'static str,
        #[case] pairs: &[(&str, &str)],
    ) {
        let pairs = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        let says = Says::Pairs(pairs.collect());
        assert_eq!(recognise(given), Some(Other { form, says }));
    }

    #[rstest]
    #[case("prisma://accelerate.example/?api_key=x")]
    #[case("prisma+postgres://accelerate.example/")]
    #[case("jdbc:postgresql:orders")]
    #[case("Server=h;nonsense;Database=d")]
    fn what_cannot_be_told_is_recognised_still(#[case] given: &str) {
        assert_eq!(
            recognise(given).map(|other| other.says),
            Some(Says::Nothing)
        );
    }

    #[rstest]
    #[case("postgres://u@h/d")]
    #[case("mysql://u@h/d")]
    #[case("host=h dbname=d")]
    #[case("user=u host=h")]
    #[case("host=h options='-c a=b;c'")]
    #[case("localhost")]
    #[case("hunter2")]
    #[case("")]
    fn what_is_ours_or_unknown_is_left_alone(#[case] given: &str) {
        assert_eq!(recognise(given), None);
    }
}
