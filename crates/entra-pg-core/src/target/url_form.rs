//! A connection string in the form of a URL, as pairs of parameter and value. Nothing here repeats it in an error.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{authority::Authority, secrets::is_secret};
use crate::{Error, ErrorKind};

/// What a reader recognises without its percent-encoding.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes a URL which [`read`] reads as these pairs.
pub(super) fn write(pairs: &[(String, String)]) -> String {
    let last = |name: &str| pairs.iter().rfind(|(known, _)| known == name);
    let value = |name| last(name).map_or("", |(_, text)| text.as_str());
    let encoded = |text| utf8_percent_encode(text, ENCODED).to_string();
    let (host, port, user) = (value("host"), value("port"), value("user"));
    // A list of hosts, and a role without a host, can only be parameters.
    let simple = !host.is_empty() && ![host, port].iter().any(|text| text.contains(','));
    let authority = if simple {
        let user = if user.is_empty() {
            String::new()
        } else {
            format!("{}@", encoded(user))
        };
        let host = match host.contains(':') {
            true if host.starts_with('[') => host.to_owned(),
            true => format!("[{host}]"),
            false => encoded(host),
        };
        let port = if port.is_empty() {
            String::new()
        } else {
            format!(":{port}")
        };
        format!("{user}{host}{port}")
    } else {
        String::new()
    };
    let in_path =
        |name: &str| name == "dbname" || (simple && ["host", "port", "user"].contains(&name));
    let parameters = pairs.iter().filter(|(name, _)| !in_path(name));
    let parameters: Vec<_> = parameters
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!(
        "postgres://{authority}/{}{mark}{}",
        encoded(value("dbname")),
        parameters.join("&")
    )
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("postgres://app@h.example:6432/orders")]
    #[case("postgres://a%40b%23c@h.example/o%2Fr?options%5Ba%5D=1&options=-c%20b%3D2")]
    #[case("postgres://[::1]:5432/")]
    #[case("postgres://h.example/?user=a%20b")]
    #[case("postgres:///d?host=a%2Cb&port=1%2C2&user=u")]
    fn what_is_written_is_read_again(#[case] url: &str) {
        let mut pairs = read(url).expect("a URL");
        let mut again = read(&write(&pairs)).expect("a URL");
        pairs.sort();
        again.sort();
        assert_eq!(again, pairs, "{}", write(&pairs));
    }
}
