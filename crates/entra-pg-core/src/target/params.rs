//! The parameters of a connection string, and the variables that stand in for those it leaves out.

use std::collections::BTreeMap;

use super::{
    connection_string, foreign_parameters, host, keyword_form, secrets::is_secret,
    service_connector, session_settings, target::Target,
};
use crate::{Error, ErrorKind, environment::Environment};

/// What was given, by parameter name.
pub(super) struct Params {
    values: BTreeMap<String, String>,
    pub(super) session_settings: Vec<(String, String)>,
}

impl Params {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let mut params = Self {
            values: BTreeMap::new(),
            session_settings: Vec::new(),
        };
        for (name, value) in connection_string::read(text)? {
            check_for_nul(
                "a parameter of the connection string",
                &format!("{name}{value}"),
            )?;
            params.parameter(&name, &value)?;
        }
        Ok(params)
    }

    /// They override what was read before.
    pub(super) fn extend(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<(), Error> {
        for (name, value) in parameters {
            let (name, value) = (name.as_ref(), value.as_ref());
            if is_secret(name) {
                return Err(keyword_form::password());
            }
            check_for_nul("a parameter", &format!("{name}{value}"))?;
            self.parameter(name, value)?;
        }
        Ok(())
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
        } else if Target::PARAMETERS.iter().any(|known| known.name == name) {
            if name == "host" && value.is_empty() {
                host::check("")?;
            }
            self.set(name, value);
        } else if !foreign_parameters::accept(name, value)? {
            return Err(unknown(name, value));
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
                let value = value.trim_end_matches(['\r', '\n']);
                check_for_nul(variable, value)?;
                self.fill(parameter.name, value)?;
            }
        }
        if !self.values.contains_key("host") {
            for (name, value) in service_connector::parameters(environment)? {
                check_for_nul("a variable of Service Connector", &value)?;
                self.fill(&name, &value)?;
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

/// Its name is repeated only if it cannot be the rest of a password that holds a `?`.
fn unknown(name: &str, value: &str) -> Error {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let known: Vec<_> = Target::PARAMETERS.iter().map(|known| known.name).collect();
    let error = if name.chars().all(is_name) && !value.contains('@') {
        invalid(&format!("unknown parameter {name:?}"))
    } else {
        invalid("unknown parameter")
    };
    error.with_hint(format!("known are: {}", known.join(", ")))
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
