//! The variables of a credential: all of them, or an error that names those that are missing.

use azure_core::http::Url;

use crate::{Error, ErrorKind, environment::Environment};

/// A variable without what a shell, a secret store or a file of variables has left around it: white space and quotes.
pub(super) fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    let value = bare(environment.get(name)?);
    (!value.is_empty()).then_some(value)
}

/// How the names of all variables begin that select a credential or belong to one.
const PREFIXES: [&str; 7] = [
    "AZURE",
    "ACTIONS_ID_TOKEN_",
    "IDENTITY_",
    "IMDS_",
    "MSI_",
    "SYSTEM_ACCESSTOKEN",
    "SYSTEM_OIDCREQUESTURI",
];

/// A variable that cannot be read would count as unset, and the next credential would be tried: another identity.
pub(super) fn refuse_unreadable(environment: &Environment) -> Result<(), Error> {
    match environment.unreadable(&PREFIXES) {
        None => Ok(()),
        Some(name) => Err(none(&format!("{name} is not valid UTF-8"))
            .with_hint(format!("set {name} again as UTF-8, or unset it"))),
    }
}

/// An id, or a tenant's domain. What is none is refused here: a command line or a URL is made of it.
pub(super) fn identifier<'a>(
    environment: &'a Environment,
    name: &str,
) -> Result<Option<&'a str>, Error> {
    let Some(id) = value(environment, name) else {
        return Ok(None);
    };
    if id
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    {
        return Ok(Some(id));
    }
    Err(
        none(&format!("{name} holds characters that are in no id")).with_hint(format!(
            "set {name} to the id alone, such as 00000000-0000-0000-0000-000000000000"
        )),
    )
}

/// Which user-assigned identity to use: that of the app, or of Service Connector's connection to PostgreSQL.
pub(super) const CLIENT_IDS: [&str; 2] = ["AZURE_CLIENT_ID", "AZURE_POSTGRESQL_CLIENTID"];

/// Where Microsoft Entra is, if it is set.
pub(super) fn authority_host(environment: &Environment) -> Result<Option<String>, Error> {
    const VARIABLE: &str = "AZURE_AUTHORITY_HOST";
    let Some(host) = value(environment, VARIABLE) else {
        return Ok(None);
    };
    let url = if host.contains("://") {
        host.to_owned()
    } else {
        format!("https://{host}")
    };
    https(VARIABLE, &url)?;
    Ok(Some(url))
}

/// An address that secrets are sent to.
pub(super) fn https(variable: &str, text: &str) -> Result<Url, Error> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(url),
        _ => Err(none(&format!("{variable} is not an https:// address"))
            .with_hint("correct it, or unset it")),
    }
}

/// A half-configured credential is an error, not a reason to try the next: it would log in as someone else.
pub(super) fn require<const N: usize>(
    environment: &Environment,
    credential: &str,
    names: [&str; N],
) -> Result<[String; N], Error> {
    let mut missing = Vec::new();
    let mut values = names.map(|name| {
        let value = value(environment, name);
        if value.is_none() {
            missing.push(name);
        }
        value.unwrap_or_default().to_owned()
    });
    if !missing.is_empty() {
        return Err(none(&format!(
            "{credential} needs {}, which is not set",
            missing.join(" and ")
        ))
        .with_hint(format!("set {}", names.join(", "))));
    }
    for (name, value) in names.iter().zip(&mut values) {
        if name.ends_with("ID") {
            identifier(environment, name)?
                .unwrap_or_default()
                .clone_into(value);
        }
    }
    Ok(values)
}

fn bare(text: &str) -> &str {
    const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let quoted = |(open, close): (char, char)| text.strip_prefix(open)?.strip_suffix(close);
    QUOTES.into_iter().find_map(quoted).map_or(text, bare)
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ID: &str = "9d4439a1-737d-5fe0-a622-d9f186f4e504";

    #[rstest]
    #[case("9d4439a1-737d-5fe0-a622-d9f186f4e504")]
    #[case("'9d4439a1-737d-5fe0-a622-d9f186f4e504' ")]
    #[case("\"9d4439a1-737d-5fe0-a622-d9f186f4e504\"\n")]
    #[case(" '\"9d4439a1-737d-5fe0-a622-d9f186f4e504\"'\r\n")]
    #[case("\u{feff}9d4439a1-737d-5fe0-a622-d9f186f4e504")]
    #[case("“9d4439a1-737d-5fe0-a622-d9f186f4e504”")]
    fn what_stands_around_an_id_is_no_part_of_it(#[case] given: &str) {
        let environment = Environment::from_pairs([("AZURE_CLIENT_ID", given)]);
        let id = identifier(&environment, "AZURE_CLIENT_ID").expect("an id");
        assert_eq!(id, Some(ID));
        let [id] = require(&environment, "x", ["AZURE_CLIENT_ID"]).expect("an id");
        assert_eq!(id, ID);
    }

    #[rstest]
    #[case("9d44'39a1")]
    #[case("9d44 39a1")]
    #[case("{9d4439a1}")]
    #[case("9d4439a1; rm -rf")]
    #[case("$(whoami)")]
    #[case("'")]
    fn what_is_no_id_is_refused_by_name_and_not_repeated(#[case] given: &str) {
        let environment = Environment::from_pairs([("AZURE_TENANT_ID", given)]);
        for error in [
            identifier(&environment, "AZURE_TENANT_ID").map(|_| ()),
            require(&environment, "x", ["AZURE_TENANT_ID"]).map(|_| ()),
        ] {
            let error = error.expect_err("no id").to_string();
            assert!(
                error.contains("AZURE_TENANT_ID holds characters"),
                "{error}"
            );
            assert!(!error.contains(given) || given == "'", "{error}");
        }
    }

    #[rstest]
    #[case(
        "https://login.microsoftonline.us/",
        Some("https://login.microsoftonline.us/")
    )]
    #[case("'login.microsoftonline.us'", Some("https://login.microsoftonline.us"))]
    #[case("http://login.microsoftonline.us", None)]
    #[case("https://", None)]
    fn no_secret_goes_to_an_address_without_tls(
        #[case] given: &str,
        #[case] expected: Option<&str>,
    ) {
        let environment = Environment::from_pairs([("AZURE_AUTHORITY_HOST", given)]);
        let host = authority_host(&environment).ok().flatten();
        assert_eq!(host.as_deref(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("  ")]
    #[case("''")]
    #[case(" \"\" \n")]
    fn a_variable_that_holds_nothing_is_not_set(#[case] given: &str) {
        let environment = Environment::from_pairs([("A", given)]);
        assert_eq!(value(&environment, "A"), None);
    }
}
