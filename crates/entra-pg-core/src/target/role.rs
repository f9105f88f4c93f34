//! Names of roles that no server here can have.

use super::{cloud::Scope, host::Host};
use crate::{Error, ErrorKind};

/// A server cuts a longer name off before it looks for the role.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const LONGEST: usize = 63;

/// Checks a role that is about to log in to one of these hosts.
///
/// # Errors
/// [`ErrorKind::InvalidTarget`] if the name cannot be meant.
pub(crate) fn check_role(role: &str, hosts: &[Host]) -> Result<(), Error> {
    if role.len() > LONGEST {
        let message = format!(
            "the role's name has {} bytes, and servers cut it off after 63",
            role.len()
        );
        return Err(invalid(&message).with_hint(
            "log in with the name of a shorter role: by its object id, a principal can have a role of any name",
        ));
    }
    let hosts = || hosts.iter().map(Host::name);
    let names_server = |(_, server): &(&str, &str)| {
        hosts().any(|host| is_first_label(server, host) && Scope::of_azure_host(host).is_some())
    };
    match role.rsplit_once('@').filter(names_server) {
        // A person's name has a domain after the @, with a dot in it.
        Some((own, _)) => Err(invalid(
            "the role's name has the form of the retired single server, ROLE@SERVER",
        )
        .with_hint(format!(
            "leave @ and the server's name out: the role is {own:?}"
        ))),
        None => Ok(()),
    }
}

fn is_first_label(label: &str, host: &str) -> bool {
    let first = host.split('.').next().unwrap_or_default();
    !label.is_empty() && label.eq_ignore_ascii_case(first)
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::host;
    use rstest::rstest;

    const AZURE: &str = "myserver.postgres.database.azure.com";

    #[rstest]
    #[case::plain("app", AZURE, true)]
    #[case::person("alice@contoso.com", AZURE, true)]
    #[case::person_of_a_domain_like_the_server("alice@myserver.com", AZURE, true)]
    #[case::guest("alice_outlook.com#EXT#@contoso.onmicrosoft.com", AZURE, true)]
    #[case::another_server("app@otherserver", AZURE, true)]
    #[case::trailing_sign("app@", AZURE, true)]
    #[case::single_server("app@myserver", AZURE, false)]
    #[case::single_server_in_capitals("app@MyServer", AZURE, false)]
    #[case::persons_single_server_form("alice@contoso.com@myserver", AZURE, false)]
    #[case::not_azure("app@db", "db.example", true)]
    #[case::longest(
        "ä23456789012345678901234567890123456789012345678901234567890ab",
        AZURE,
        true
    )]
    #[case::one_more(
        "ä23456789012345678901234567890123456789012345678901234567890abc",
        AZURE,
        false
    )]
    fn a_name_that_cannot_be_meant_is_refused(
        #[case] role: &str,
        #[case] host: &str,
        #[case] allowed: bool,
    ) {
        let hosts = host::list(&format!("db.example,{host}"), "").expect("hosts");
        assert_eq!(
            check_role(role, &hosts).is_ok(),
            allowed,
            "{} bytes",
            role.len()
        );
    }

    #[test]
    fn the_cure_is_the_name_without_the_server() {
        let hosts = host::list(AZURE, "").expect("a host");
        let error = check_role("alice@contoso.com@myserver", &hosts).expect_err("refused");
        assert!(
            error.hint().contains("the role is \"alice@contoso.com\""),
            "{error}"
        );
    }
}
