//! Reads a URL and the `PG*` variables into a [`Target`]. Pure but for the root certificate file.
//!
//! Our own parser owns the URL, so that all drivers see the same policy: `tokio-postgres` does not know
//! `sslmode=verify-full`, and both drivers would default to `prefer`. Nothing here repeats the URL in an error.

use std::{collections::BTreeMap, time::Duration};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{LONGEST_CONNECT_TIMEOUT, Roots, Scope, Target, host, settings};
use crate::{Error, ErrorKind, observe};

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Each parameter and the variable that stands in for it.
const PARAMETERS: [(&str, Option<&str>); 10] = [
    ("application_name", Some("PGAPPNAME")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("dbname", Some("PGDATABASE")),
    ("host", Some("PGHOST")),
    ("options", None),
    ("port", Some("PGPORT")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("user", Some("PGUSER")),
];

pub(super) fn parse(url: &str, variable: Lookup) -> Result<Target, Error> {
    let mut given = Given::read(url)?;
    given.fill_from(variable)?;
    let mut take = |name: &str| given.values.remove(name);

    let host = take("host").unwrap_or_default();
    host::check(&host)?;
    check_sslmode(take("sslmode").as_deref())?;
    check_channel_binding(take("channel_binding").as_deref())?;
    let sslrootcert = take("sslrootcert");
    Ok(Target {
        scope: Scope::for_host(&host),
        host,
        port: take("port").map_or(Ok(DEFAULT_PORT), |text| port(&text))?,
        user: take("user"),
        database: take("dbname"),
        roots_were_given: sslrootcert.is_some(),
        roots: sslrootcert.map_or(Ok(Roots::Platform), |text| roots(&text))?,
        tls: true,
        application_name: take("application_name"),
        connect_timeout: take("connect_timeout")
            .map_or(Ok(DEFAULT_CONNECT_TIMEOUT), |text| connect_timeout(&text))?,
        settings: given.settings,
    })
}

/// What was said, by parameter name.
struct Given {
    values: BTreeMap<String, String>,
    settings: Vec<(String, String)>,
}

impl Given {
    fn read(url: &str) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|error| {
            invalid(&format!("the URL cannot be read: {error}"))
                .with_hint("write postgres://ROLE@HOST/DATABASE")
        })?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(
                invalid("the URL is not for PostgreSQL").with_hint("it begins with postgres://")
            );
        }
        if url.password().is_some() {
            return Err(password("the URL holds a password"));
        }
        if url.fragment().is_some() {
            return Err(invalid("the URL holds a #").with_hint("in a role's name write %23 for it"));
        }
        let mut given = Self {
            values: BTreeMap::new(),
            settings: Vec::new(),
        };
        given.set("host", &decode("host", url.host_str().unwrap_or_default())?);
        given.set("user", &decode("role", url.username())?);
        given.set(
            "dbname",
            &decode("database", url.path().trim_start_matches('/'))?,
        );
        if let Some(port) = url.port() {
            given.set("port", &port.to_string());
        }
        // As libpq does, a plus sign is a plus sign.
        for pair in url
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            given.parameter(&decode("parameter", name)?, &decode("parameter", value)?)?;
        }
        Ok(given)
    }

    fn set(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            let value = if name == "host" {
                host::bare(value)
            } else {
                value
            };
            self.values.insert(name.to_owned(), value.to_owned());
        }
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let setting = name
            .strip_prefix("options[")
            .and_then(|n| n.strip_suffix(']'));
        if let Some(setting) = setting {
            self.settings.push(settings::setting_of(setting, value)?);
        } else if name == "options" {
            self.settings.extend(settings::split(value)?);
        } else if name == "password" {
            return Err(password("the URL holds a password"));
        } else if PARAMETERS.iter().any(|(known, _)| *known == name) {
            if name == "host" && value.is_empty() {
                host::check("")?;
            }
            self.set(name, value);
        } else {
            let known = PARAMETERS.map(|(known, _)| known).join(", ");
            return Err(
                invalid(&format!("the URL holds an unknown parameter {name:?}"))
                    .with_hint(format!("known are: {known}")),
            );
        }
        Ok(())
    }

    fn fill_from(&mut self, variable: Lookup) -> Result<(), Error> {
        if variable("PGHOSTADDR").is_some() {
            return Err(
                invalid("PGHOSTADDR is set, but not every driver can use it").with_hint(
                    "unset it; map the server's name to the address in /etc/hosts or in DNS",
                ),
            );
        }
        for (name, fallback) in PARAMETERS {
            if let Some(value) = fallback.and_then(variable) {
                self.values.entry(name.to_owned()).or_insert(value);
            }
        }
        if let Some(options) = variable("PGOPTIONS") {
            let own = std::mem::replace(&mut self.settings, settings::split(&options)?);
            self.settings.extend(own);
        }
        Ok(())
    }
}

fn decode(what: &str, text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| invalid(&format!("the {what} in the URL is not UTF-8 once decoded")))?;
    // A driver that does not look would end the name there, and send the rest as further parameters.
    if decoded.contains('\0') {
        return Err(invalid(&format!("the {what} in the URL holds a NUL")));
    }
    Ok(decoded.into_owned())
}

/// Whoever ends the connection can use the token for up to a day, so nothing below `verify-full` is done.
fn check_sslmode(mode: Option<&str>) -> Result<(), Error> {
    match mode {
        None | Some("verify-full") => Ok(()),
        Some(raised @ ("require" | "verify-ca")) => {
            observe::sslmode_raised(raised);
            Ok(())
        }
        Some(refused @ ("disable" | "allow" | "prefer")) => Err(Error::new(
            ErrorKind::InsecureTls,
            format!("sslmode={refused} could send the token in clear text"),
        )
        .with_hint("use sslmode=verify-full, or leave sslmode and PGSSLMODE out")),
        Some(_) => Err(invalid("sslmode is not one of libpq's")
            .with_hint("use sslmode=verify-full, or leave sslmode and PGSSLMODE out")),
    }
}

fn check_channel_binding(mode: Option<&str>) -> Result<(), Error> {
    match mode {
        None | Some("disable" | "prefer") => Ok(()),
        Some(_) => Err(
            invalid("channel_binding can only be disable or prefer with a token")
                .with_hint("leave channel_binding and PGCHANNELBINDING out"),
        ),
    }
}

fn roots(text: &str) -> Result<Roots, Error> {
    match text {
        "system" => Ok(Roots::Platform),
        path => Roots::from_file(path),
    }
}

fn port(text: &str) -> Result<u16, Error> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(invalid("the port is not a number from 1 to 65535")
            .with_hint("PostgreSQL's is 5432, PgBouncer's on Azure is 6432")),
    }
}

fn connect_timeout(text: &str) -> Result<Duration, Error> {
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds).min(LONGEST_CONNECT_TIMEOUT)),
        _ => Err(
            invalid("connect_timeout is not a positive number of seconds")
                .with_hint("every wait has an end here; leave it out for 15 s"),
        ),
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

fn password(message: &str) -> Error {
    Error::new(ErrorKind::PasswordInUrl, message)
        .with_hint("remove it: the token is the password, and it is fetched for you")
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
