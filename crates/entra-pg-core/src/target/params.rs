//! The parameters of a URL, and the variables that stand in for those it leaves out. Nothing here repeats the URL in an error.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::{authority::Authority, host, session_settings, target::Target};
use crate::{Error, ErrorKind, environment::Environment};

/// What was given, by parameter name.
pub(super) struct Params {
    values: BTreeMap<String, String>,
    pub(super) session_settings: Vec<(String, String)>,
}

impl Params {
    pub(super) fn read(url: &str) -> Result<Self, Error> {
        let Authority { url, hosts, ports } = Authority::split(url).map_err(|error| {
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
        let mut params = Self {
            values: BTreeMap::new(),
            session_settings: Vec::new(),
        };
        params.set("host", &decode("host", &hosts)?);
        params.set("port", &ports);
        params.set("user", &decode("role", url.username())?);
        params.set(
            "dbname",
            &decode("database", url.path().trim_start_matches('/'))?,
        );
        // As libpq does, a plus sign is a plus sign.
        for pair in url
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.parameter(&decode("parameter", name)?, &decode("parameter", value)?)?;
        }
        Ok(params)
    }

    fn set(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.values.insert(name.to_owned(), value.to_owned());
        }
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let setting = name
            .strip_prefix("options[")
            .and_then(|n| n.strip_suffix(']'));
        if let Some(setting) = setting {
            self.session_settings
                .push(session_settings::setting_of(setting, value)?);
        } else if name == "options" {
            self.session_settings
                .extend(session_settings::split(value)?);
        } else if name == "password" {
            return Err(password("the URL holds a password"));
        } else if Target::PARAMETERS.iter().any(|known| known.name == name) {
            if name == "host" && value.is_empty() {
                host::check("")?;
            }
            self.set(name, value);
        } else {
            let known: Vec<_> = Target::PARAMETERS.iter().map(|known| known.name).collect();
            let known = known.join(", ");
            return Err(
                invalid(&format!("the URL holds an unknown parameter {name:?}"))
                    .with_hint(format!("known are: {known}")),
            );
        }
        Ok(())
    }

    pub(super) fn fill_from(&mut self, environment: &Environment) -> Result<(), Error> {
        if environment.get("PGHOSTADDR").is_some() {
            return Err(
                invalid("PGHOSTADDR is set, but not every driver can use it").with_hint(
                    "unset it; map the server's name to the address in /etc/hosts or in DNS",
                ),
            );
        }
        for parameter in Target::PARAMETERS {
            let Some(variable) = parameter.variable else {
                continue;
            };
            if let Some(value) = environment.get(variable) {
                check_for_nul(variable, value)?;
                self.fill(parameter.name, value)?;
            }
        }
        Ok(())
    }

    fn fill(&mut self, name: &str, value: &str) -> Result<(), Error> {
        if name == "options" {
            // Before the URL's, which so win.
            let variables = session_settings::split(value)?;
            self.session_settings.splice(..0, variables);
        } else if !self.values.contains_key(name) {
            self.values.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }
}

fn decode(what: &str, text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| invalid(&format!("the {what} in the URL is not UTF-8 once decoded")))?;
    check_for_nul(&format!("the {what} in the URL"), &decoded)?;
    Ok(decoded.into_owned())
}

/// A driver that does not look would end the text there, and send the rest as further parameters.
fn check_for_nul(what: &str, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(invalid(&format!("{what} contains a NUL character")));
    }
    Ok(())
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

fn password(message: &str) -> Error {
    Error::new(ErrorKind::PasswordInUrl, message)
        .with_hint("remove it: the token is the password, and it is fetched for you")
}
