//! The variables that Azure's Service Connector sets, for what neither the connection string nor the `PG*` variables give.
//! <https://learn.microsoft.com/azure/service-connector/how-to-integrate-postgres>

use super::connection_string;
use crate::{Error, ErrorKind, environment::Environment};

/// The parameters of the server that it connects the app to; none if it connects it to none.
pub(super) fn parameters(environment: &Environment) -> Result<Vec<(String, String)>, Error> {
    let first = |names: &[&str]| {
        environment
            .first(names)
            .map(|value| value.trim().to_owned())
    };
    let connection_string = first(&["AZURE_POSTGRESQL_CONNECTIONSTRING"]);
    let host = first(&["AZURE_POSTGRESQL_HOST"]);
    if host.is_none() && connection_string.is_none() {
        return Ok(Vec::new());
    }
    if first(&["AZURE_POSTGRESQL_PASSWORD"]).is_some() {
        return Err(Error::new(
            ErrorKind::PasswordInUrl,
            "Service Connector connects with a password: AZURE_POSTGRESQL_PASSWORD is set",
        )
        .with_hint("let it connect with an identity, such as az webapp connection create postgres-flexible --system-identity"));
    }
    let Some(host) = host else {
        return connection_string::read(&connection_string.unwrap_or_default());
    };
    let others = [
        (
            "user",
            first(&["AZURE_POSTGRESQL_USER", "AZURE_POSTGRESQL_USERNAME"]),
        ),
        (
            "dbname",
            first(&["AZURE_POSTGRESQL_DATABASE", "AZURE_POSTGRESQL_NAME"]),
        ),
        ("port", first(&["AZURE_POSTGRESQL_PORT"])),
    ];
    let others = others
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(std::iter::once(("host".to_owned(), host))
        .chain(others)
        .collect())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::{ErrorKind, Target};

    const HOST: (&str, &str) = ("AZURE_POSTGRESQL_HOST", "my.postgres.database.azure.com");
    const REST: [(&str, &str); 3] = [
        ("AZURE_POSTGRESQL_DATABASE", "orders"),
        ("AZURE_POSTGRESQL_USER", "aad_app"),
        ("AZURE_POSTGRESQL_PORT", "6432"),
    ];

    fn described(url: &str, variables: &[(&str, &str)]) -> String {
        let target = Target::parse_with_vars(url, variables.iter().copied()).expect("a target");
        let host = &target.hosts()[0];
        let (user, database) = (
            target.user().unwrap_or("-"),
            target.database().unwrap_or("-"),
        );
        format!("{user}@{}:{}/{database}", host.name(), host.port())
    }

    #[rstest]
    #[case::alone("postgres://", &[HOST, REST[0], REST[1], REST[2]], "aad_app@my.postgres.database.azure.com:6432/orders")]
    #[case::name_of_other_languages("postgres://", &[HOST, ("AZURE_POSTGRESQL_USERNAME", "aad_app")],
        "aad_app@my.postgres.database.azure.com:5432/-")]
    #[case::name_for_django("postgres://", &[HOST, REST[1], ("AZURE_POSTGRESQL_NAME", "orders")],
        "aad_app@my.postgres.database.azure.com:5432/orders")]
    #[case::keyword_form("postgres://",
        &[("AZURE_POSTGRESQL_CONNECTIONSTRING", "dbname=orders host=my.postgres.database.azure.com port=5432 sslmode=require user=aad_app")],
        "aad_app@my.postgres.database.azure.com:5432/orders")]
    #[case::the_url_says_more("user=other dbname=sales", &[HOST, REST[0], REST[1]], "other@my.postgres.database.azure.com:5432/sales")]
    #[case::another_server("postgres://localhost", &[HOST, REST[0], REST[1], REST[2]], "-@localhost:5432/-")]
    #[case::pghost("postgres://", &[("PGHOST", "localhost"), HOST, REST[0], REST[1]], "-@localhost:5432/-")]
    fn its_server_is_used_as_a_whole_when_no_other_is_named(
        #[case] url: &str,
        #[case] variables: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        assert_eq!(described(url, variables), expected);
    }

    #[rstest]
    #[case(&[HOST, ("AZURE_POSTGRESQL_PASSWORD", "hunter2")])]
    #[case(&[("AZURE_POSTGRESQL_CONNECTIONSTRING", "host=my.postgres.database.azure.com user=u password=hunter2")])]
    fn its_password_is_refused_and_not_repeated(#[case] variables: &[(&str, &str)]) {
        let result = Target::parse_with_vars("postgres://", variables.iter().copied());
        let error = result.expect_err("a password");
        assert_eq!(error.kind(), ErrorKind::PasswordInUrl);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
