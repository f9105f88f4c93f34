//! SQL to create roles.
//! <https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users>

use postgres_protocol::escape::escape_literal;

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
        escape_literal(mapping.name),
        escape_literal(mapping.object_id),
        mapping.kind,
        mapping.admin,
        mapping.mfa
    )
}

/// Returns the statement for a principal whose object id the server looks up by its name.
pub(crate) fn look_up_and_create_role(name: &str, admin: bool, mfa: bool) -> String {
    format!(
        "SELECT * FROM pgaadauth_create_principal({}, {admin}, {mfa});",
        escape_literal(name)
    )
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
        let sql = look_up_and_create_role(r"a\'); DROP ROLE x; --", false, false);
        let quoted = r" E'a\\''); DROP ROLE x; --', false, false);";
        assert!(sql.ends_with(quoted), "{sql}");
    }
}
