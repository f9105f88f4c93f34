//! A connection string in the form of a URL, as pairs of parameter and value. Nothing here repeats it in an error.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>

use percent_encoding::percent_decode_str;

use super::{authority::Authority, secrets::is_secret};
use crate::{Error, ErrorKind};

/// The parts of the URL first, then its parameters, which so override them.
pub(super) fn read(text: &str) -> Result<Vec<(String, String)>, Error> {
    if text.contains(char::is_control) {
        return Err(
            invalid("the URL holds a line break, a tab or another control character").with_hint(
                "remove it, or write it percent-encoded; what surrounds the URL is no matter",
            ),
        );
    }
    let Authority { url, hosts, ports } = Authority::split(text).map_err(|error| {
        invalid(&format!("the URL cannot be read: {error}"))
            .with_hint("write postgres://ROLE@HOST/DATABASE")
    })?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(
            invalid("the URL is not for PostgreSQL").with_hint("it begins with postgres://")
        );
    }
    if url.password().is_some() {
        return Err(password());
    }
    if url.fragment().is_some() {
        return Err(invalid("the URL holds a #").with_hint("in a role's name write %23 for it"));
    }
    if url.path().contains('@') {
        return Err(password()
            .with_hint("a password with a / in it looks like this: remove it; in a database's name, write %40 for @"));
    }
    let path = url.path().trim_start_matches('/');
    let mut pairs = vec![
        ("host".to_owned(), decode("host", &hosts)?),
        ("user".to_owned(), decode("role", url.username())?),
        ("dbname".to_owned(), decode("database", path)?),
        ("port".to_owned(), ports),
    ];
    pairs.retain(|(_, value)| !value.is_empty());
    // As libpq does, a plus sign is a plus sign.
    let query = url.query().unwrap_or_default().split('&');
    for pair in query.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| invalid("the URL holds a parameter without a value"))?;
        let name = decode("parameter", name)?;
        if is_secret(&name) {
            return Err(password());
        }
        pairs.push((name, decode("parameter", value)?));
    }
    Ok(pairs)
}

fn decode(what: &str, text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| invalid(&format!("the {what} in the URL is not UTF-8 once decoded")))?;
    Ok(decoded.into_owned())
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

fn password() -> Error {
    Error::new(ErrorKind::PasswordInUrl, "the URL holds a password")
        .with_hint("remove it: the token is the password, and it is fetched for you")
}
