//! Which names a role can have.

use serde_json::Value;

use super::config::SUPERUSER;
use crate::{Error, Identity};

/// PostgreSQL cuts off longer names.
const LONGEST_NAME: usize = 63;

/// Names that PostgreSQL would refuse, change or confuse are refused by us, with a reason.
pub(crate) fn check(identities: &[Identity]) -> Result<(), Error> {
    for (index, name) in identities.iter().map(Identity::name).enumerate() {
        let wrong = if name.is_empty() {
            "is empty"
        } else if name.len() > LONGEST_NAME {
            "is longer than 63 bytes"
        } else if name.contains(char::is_control) {
            "contains a control character"
        } else if name == SUPERUSER || name == "public" || name == "none" || name.starts_with("pg_")
        {
            "is reserved"
        } else if identities[..index]
            .iter()
            .any(|earlier| earlier.name() == name)
        {
            "is given twice"
        } else {
            continue;
        };
        let name = Value::from(name);
        return Err(Error::Configuration(format!(
            "the role name {name} {wrong}; choose another"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Identity, IdentityKind};

    #[test]
    fn names_that_cannot_be_roles_are_refused() {
        let check = |names: &[&str]| {
            let identities: Vec<_> = names
                .iter()
                .map(|&name| Identity::new(name, IdentityKind::ManagedIdentity))
                .collect();
            super::check(&identities).map_err(|error| error.to_string())
        };
        assert_eq!(
            check(&[
                "app",
                "App",
                "alice@contoso.com",
                "O'Brien \"x\"",
                "postgres"
            ]),
            Ok(())
        );
        for (names, reason) in [
            (&[""][..], "empty"),
            (&[&"x".repeat(64)], "63 bytes"),
            (&["a\nb"], "control"),
            (&["pg_monitor"], "reserved"),
            (&["app", "app"], "twice"),
        ] {
            let message = check(names).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
    }
}
