//! A connection string as people bring it: what surrounds it is removed, its form is recognised.

use super::{
    foreign_parameters, keyword_form, other_forms, other_forms::Says, secrets::names_secret,
    target::Target, url_form,
};
use crate::{Error, ErrorKind};

/// What ends up around a string in a file, a secret or a `.env` file, and is never a part of it.
const AROUND: [char; 2] = ['\u{feff}', '\u{200b}'];

type Pairs = Vec<(String, String)>;

/// Returns what it says, as pairs of parameter and value: later ones override earlier ones.
///
/// # Errors
/// Also for a form of another tool, with the URL that says the same.
pub(super) fn read(text: &str) -> Result<Pairs, Error> {
    let text = clean(text);
    if text.starts_with(['"', '\'']) {
        return Err(
            invalid("the connection string begins with a quote that does not end it")
                .with_hint("remove the quote, or close it"),
        );
    }
    if is_url(text) {
        return url_form::read(text);
    }
    match other_forms::recognise(text) {
        Some(other) => Err(refused(other.form, text)),
        None if keyword_form::recognises(text) => keyword_form::read(text),
        None => url_form::read(text),
    }
}

fn is_url(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    ["postgres", "postgresql"]
        .iter()
        .any(|ours| scheme.eq_ignore_ascii_case(ours))
}

/// What a string of whatever form says, if that can be told.
fn interpret(text: &str) -> Result<Pairs, Error> {
    let text = clean(text);
    if is_url(text) {
        return url_form::read(text);
    }
    match other_forms::recognise(text).map(|other| other.says) {
        // Shorter by what was around it, so this ends.
        Some(Says::Text(inner)) => interpret(&inner),
        Some(Says::Pairs(pairs)) => Ok(pairs),
        Some(Says::Nothing) => Ok(Vec::new()),
        None => keyword_form::read(text),
    }
}

fn refused(form: &str, text: &str) -> Error {
    let pairs = interpret(text);
    let has_password = |error: &Error| error.kind() == ErrorKind::PasswordInUrl;
    if names_secret(text) || pairs.as_ref().is_err_and(has_password) {
        return Error::new(
            ErrorKind::PasswordInUrl,
            format!("the connection string is {form}, and holds a password"),
        )
        .with_hint("write postgres://ROLE@HOST/DATABASE: the token is the password, and it is fetched for you");
    }
    invalid(&format!(
        "the connection string is {form}, which is not read"
    ))
    .with_hint(equivalent(pairs.unwrap_or_default()))
}

/// A URL that says the same, of what we know.
fn equivalent(pairs: Pairs) -> String {
    let all = pairs.len();
    let ours = |(name, value): (String, String)| {
        let name = foreign_parameters::ours(&name).map_or(name, str::to_owned);
        let known = name.starts_with("options[")
            || Target::PARAMETERS.iter().any(|known| known.name == name);
        known.then_some((name, value))
    };
    let mut pairs: Pairs = pairs.into_iter().filter_map(ours).collect();
    let note = if pairs.len() < all {
        "; the rest has no meaning here"
    } else {
        ""
    };
    // TLS is always as by verify-full.
    pairs.retain(|(name, value)| name != "sslmode" && !value.is_empty());
    if pairs.iter().any(|(name, _)| name == "host") {
        format!("write {}{note}", url_form::write(&pairs))
    } else {
        "write postgres://ROLE@HOST/DATABASE".to_owned()
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

/// Without blanks, line breaks, a byte-order mark and quotes around it.
fn clean(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(&c));
    let unquoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner)
    });
    unquoted.map_or(text, clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("postgres://h/d")]
    #[case("postgres://h/d\n")]
    #[case(" postgres://h/d\r\n")]
    #[case("\u{feff}postgres://h/d")]
    #[case("\"postgres://h/d\"\n")]
    #[case("'postgres://h/d'")]
    #[case("\u{feff}\"postgres://h/d\n\"\n")]
    #[case("\" 'postgres://h/d' \"")]
    fn what_surrounds_a_url_is_removed(#[case] given: &str) {
        assert_eq!(clean(given), "postgres://h/d");
    }

    #[rstest]
    #[case("\"postgres://h/d")]
    #[case("'")]
    #[case("'postgres://h/d\"")]
    fn a_quote_that_is_not_closed_is_refused(#[case] given: &str) {
        assert!(read(given).is_err());
    }

    #[rstest]
    #[case(
        "jdbc:postgresql://h.example:6432/d?user=u&sslmode=require",
        "postgres://u@h.example:6432/d"
    )]
    #[case(
        "jdbc:postgresql://h.example/d?user=a%40b&currentSchema=s&prepareThreshold=0",
        "postgres://a%40b@h.example/d?options[search_path]=s"
    )]
    #[case(
        "postgresql+psycopg://a%40b@h.example/d?sslmode=require&application_name=x",
        "postgres://a%40b@h.example/d?application_name=x"
    )]
    #[case(
        "postgresql+asyncpg://u@h.example/d?ssl=require",
        "postgres://u@h.example/d"
    )]
    #[case("postgres+tcp://u@h.example/d", "postgres://u@h.example/d")]
    #[case("ecto://u@h.example/d", "postgres://u@h.example/d")]
    #[case(
        "Server=h.example;Database=d;Port=5432;User Id=u@x.com;Ssl Mode=Require;",
        "postgres://u%40x.com@h.example:5432/d"
    )]
    #[case(
        "Driver={PostgreSQL Unicode};Server=h.example;Uid=u;Database=d",
        "postgres://u@h.example/d"
    )]
    #[case("pgsql:host=h.example;dbname=d;user=u", "postgres://u@h.example/d")]
    #[case(
        "psql \"host=h.example port=5432 dbname=d user='a b' sslmode=require\"",
        "postgres://a%20b@h.example:5432/d"
    )]
    #[case("psql -h h.example -U u d", "postgres://u@h.example/d")]
    #[case(
        "DATABASE_URL='postgresql+psycopg://u@h.example/d'",
        "postgres://u@h.example/d"
    )]
    #[case("export PGURL=postgres://u@h.example/d", "postgres://u@h.example/d")]
    #[case(
        "my.postgres.database.azure.com",
        "postgres://my.postgres.database.azure.com/"
    )]
    fn another_tools_string_is_refused_with_its_equivalent(#[case] given: &str, #[case] url: &str) {
        let error = read(given).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidTarget, "{error}");
        assert!(error.hint().starts_with(&format!("write {url}")), "{error}");
        let equivalent = error.hint()[6..].split(';').next().expect("a URL");
        assert!(Target::parse(equivalent).is_ok(), "{error}");
    }

    #[rstest]
    #[case("Server=h.example;Database=d;User Id=u;Password=hunter2;")]
    #[case("Server=h.example;Pwd=a;hunter2;x=y")]
    #[case("User Id=u;Password=\"a;hunter2\";Server=h.example")]
    #[case("Driver={PostgreSQL};Server=h.example;Pwd = hunter2")]
    #[case("jdbc:postgresql://h.example/d?user=u&password=hunter2")]
    #[case("jdbc:postgresql://u:hunter2@h.example/d")]
    #[case("jdbc:postgresql:d?password=hunter2")]
    #[case("r2dbc:postgresql://u:hunter2@h.example/d")]
    #[case("postgresql+psycopg://u:hunter2@h.example/d")]
    #[case("ecto://u:hunter2@h.example/d")]
    #[case("prisma://x.example/?api_key=hunter2")]
    #[case("prisma+postgres://x.example/?api_key=hunter2")]
    #[case("pgsql:host=h.example;password=hunter2")]
    #[case("psql \"host=h.example password=hunter2\"")]
    #[case("psql postgres://u:hunter2@h.example/d")]
    #[case("DATABASE_URL=postgres://u:hunter2@h.example/d")]
    #[case("export DATABASE_URL=\"host=h.example password = hunter2\"")]
    #[case("u:hunter2@my.postgres.database.azure.com/d")]
    fn another_tools_string_with_a_password_is_not_repeated(#[case] given: &str) {
        let error = read(given).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::PasswordInUrl, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!error.to_string().contains("h.example"), "{error}");
    }

    #[rstest]
    #[case("PGPASSWORD=hunter2 psql -h h.example")]
    #[case("PGPASSWORD=hunter2")]
    #[case("mysql://u:hunter2@h.example/d")]
    #[case("jdbc:mysql://h.example/d?password=hunter2")]
    #[case("{\"host\": \"h.example\", \"password\": \"hunter2\"}")]
    #[case("host: h.example\npassword: hunter2")]
    #[case("u:hun/ter2@my.postgres.database.azure.com/d")]
    fn what_nobody_recognises_is_not_repeated_either(#[case] given: &str) {
        let error = read(given).expect_err("it is refused").to_string();
        assert!(!error.contains("hun") && !error.contains("ter2"), "{error}");
    }

    #[test]
    fn quotes_of_a_value_are_its_own() {
        assert_eq!(clean("host=h dbname='a b' "), "host=h dbname='a b'");
    }
}
