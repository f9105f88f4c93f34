//! SQL for people to run.
//! <https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users>

use crate::principal::Kind;

/// A role, and the principal whose tokens log in as it.
pub(crate) struct Mapping<'a> {
    pub(crate) name: &'a str,
    pub(crate) object_id: &'a str,
    pub(crate) kind: Kind,
    pub(crate) admin: bool,
    pub(crate) mfa: bool,
}

pub(crate) fn create_role(mapping: &Mapping) -> String {
    format!(
        "SELECT * FROM pgaadauth_create_principal_with_oid({}, {}, '{}', {}, {});",
        literal(mapping.name),
        literal(mapping.object_id),
        mapping.kind,
        mapping.admin,
        mapping.mfa
    )
}

/// For a principal whose object id the server finds by its name.
pub(crate) fn look_up_and_create_role(name: &str, admin: bool, mfa: bool) -> String {
    format!(
        "SELECT * FROM pgaadauth_create_principal({}, {admin}, {mfa});",
        literal(name)
    )
}

/// A text as the server reads it whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_the_servers() {
        let mapping = Mapping {
            name: "app",
            object_id: "o",
            kind: Kind::Service,
            admin: false,
            mfa: true,
        };
        assert_eq!(
            create_role(&mapping),
            "SELECT * FROM pgaadauth_create_principal_with_oid('app', 'o', 'service', false, true);"
        );
        assert_eq!(
            look_up_and_create_role("o'hara@contoso.com", true, false),
            "SELECT * FROM pgaadauth_create_principal('o''hara@contoso.com', true, false);"
        );
    }

    #[test]
    fn a_name_does_not_end_its_quotes() {
        assert_eq!(literal("a'); DROP ROLE x; --"), "'a''); DROP ROLE x; --'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
