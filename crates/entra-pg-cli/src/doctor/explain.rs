//! Likely causes of a refused login and what to do, the likeliest first. Servers rarely give the cause.

use std::time::SystemTime;

use entra_pg_core::{Claims, Error, ErrorKind, Rejection, Scope, Target};
use postgres_protocol::escape::escape_identifier;

use super::{
    clock::{SET_THE_CLOCK, not_yet_valid},
    report::Finding,
};
use crate::{
    principal::Kind,
    sql::{Mapping, create_role},
};

/// SQL follows on the next line, to be copied.
const AS_ADMINISTRATOR: &str = "as the server's Entra administrator, in the database postgres, run";

const REVOKED: &str =
    "the token was revoked: sign in again, or wait until the endpoint issues another";

/// A login that failed.
pub(super) struct Attempt<'a> {
    pub(super) target: &'a Target,
    pub(super) claims: &'a Claims,
    /// The server's, if it sent an error.
    pub(super) sqlstate: Option<&'a str>,
    pub(super) now: SystemTime,
}

pub(super) fn explain(attempt: &Attempt, error: &Error) -> Finding {
    let cures = match error.kind() {
        ErrorKind::Rejected(rejection) => attempt.cures(rejection),
        _ => attempt.cures_by_state().into_iter().collect(),
    };
    if cures.is_empty() {
        return error.clone().into();
    }
    Finding {
        cause: error.message().to_owned(),
        cures,
    }
}

impl Attempt<'_> {
    fn role(&self) -> &str {
        self.target
            .user()
            .or(self.claims.role_name())
            .unwrap_or_default()
    }

    fn cures(&self, rejection: Rejection) -> Vec<String> {
        match rejection {
            Rejection::Expired => vec![
                format!("the token has expired by the server's clock: {SET_THE_CLOCK}"),
                REVOKED.into(),
            ],
            Rejection::Audience => vec![self.other_scope()],
            Rejection::Format | Rejection::EntraDisabled => vec![
                "enable Microsoft Entra authentication on the server (portal: Security, Authentication)"
                    .into(),
            ],
            Rejection::NotYetValid => vec![format!(
                "the token is from the future by the server's clock: {SET_THE_CLOCK}"
            )],
            Rejection::Tenant => self.tenant().into_iter().collect(),
            Rejection::ObjectId => vec![self.other_principal()],
            Rejection::NotInGroup => self.group().into_iter().collect(),
            Rejection::UnknownRole => {
                [self.spelling(), Some(self.missing())].into_iter().flatten().collect()
            }
            Rejection::NoLogin => vec![format!(
                "as an administrator, run\nALTER ROLE {} LOGIN;",
                escape_identifier(self.role())
            )],
            Rejection::NotEntra => vec![format!(
                "the role has its own password, and is not mapped to Entra: log in as another role, or {AS_ADMINISTRATOR}\n\
                 DROP ROLE {};\n{}",
                escape_identifier(self.role()),
                self.create()
            )],
            Rejection::TokenType => vec![format!(
                "the role was created for another kind of principal: {AS_ADMINISTRATOR}\nDROP ROLE {};\n{}",
                escape_identifier(self.role()),
                self.create()
            )],
            _ => self.cures_without_a_cause(),
        }
    }

    fn cures_without_a_cause(&self) -> Vec<String> {
        let clock =
            not_yet_valid(self.claims, self.now).map(|behind| format!("{behind}: {SET_THE_CLOCK}"));
        let mut hosts = self.target.hosts().iter();
        let cloud = hosts
            .all(|host| Scope::of_azure_host(host.name()).is_none())
            .then(|| self.other_scope());
        let rest = [
            Some(self.missing()),
            Some(self.other_principal()),
            self.tenant(),
            cloud,
            Some(REVOKED.into()),
        ];
        [clock, self.spelling(), self.group()]
            .into_iter()
            .chain(rest)
            .flatten()
            .collect()
    }

    fn missing(&self) -> String {
        format!(
            "the role does not exist: {AS_ADMINISTRATOR}\n{}",
            self.create()
        )
    }

    fn other_principal(&self) -> String {
        format!(
            "the role is mapped to another principal, as after an identity was deleted and created again: {AS_ADMINISTRATOR}\n\
             SELECT * FROM pgaadauth_list_principals(false);\nand, if the object id differs,\nDROP ROLE {};\n{}",
            escape_identifier(self.role()),
            self.create()
        )
    }

    fn spelling(&self) -> Option<String> {
        let own = self.claims.role_name()?;
        let role = self.role();
        (role != own && role.eq_ignore_ascii_case(own)).then(|| {
            format!(
                "names are case-sensitive: the principal is called {own}, the URL or PGUSER names {role}"
            )
        })
    }

    fn group(&self) -> Option<String> {
        let own = self.claims.role_name()?;
        let role = self.role();
        let person = Kind::of(self.claims) == Some(Kind::User);
        (person && !role.eq_ignore_ascii_case(own)).then(|| {
            format!(
                "if {role} is a group, {own} must be a member of it, and the role must have been created for the group, with the \
                 output of\nentra-pg role-sql --name '{role}' --type group --object-id ID"
            )
        })
    }

    fn tenant(&self) -> Option<String> {
        let tenant = self.claims.tenant_id.as_deref()?;
        Some(format!(
            "the token was issued by the tenant {tenant}: if the server belongs to another tenant, sign in to that one (az login \
             --tenant)"
        ))
    }

    fn create(&self) -> String {
        create_role(&Mapping {
            name: self.role(),
            object_id: self.claims.object_id.as_deref().unwrap_or("<object id>"),
            kind: Kind::of(self.claims).unwrap_or(Kind::Service),
            admin: false,
            mfa: false,
        })
    }

    fn other_scope(&self) -> String {
        let audience = self.claims.audience.as_deref();
        format!(
            "the token is for {}: if the server belongs to another cloud, name that cloud's resource with --scope (in a \
             program: Target::with_scope), for example https://ossrdbms-aad.database.usgovcloudapi.net",
            audience.unwrap_or(self.target.scope().resource())
        )
    }

    /// For refusals that are not about the token.
    fn cures_by_state(&self) -> Option<String> {
        let database = self.target.database().unwrap_or(self.role());
        Some(match self.sqlstate? {
            "3D000" => format!(
                "correct the database's name in the URL or PGDATABASE, or create it\nCREATE DATABASE {};",
                escape_identifier(database)
            ),
            "42501" => format!(
                "as an administrator, run\nGRANT CONNECT ON DATABASE {} TO {};",
                escape_identifier(database),
                escape_identifier(self.role())
            ),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const OBJECT_ID: &str = "11111111-2222-3333-4444-555555555555";

    fn user(name: &str) -> Claims {
        let mut claims = Claims::default();
        claims.tenant_id = Some("t".into());
        claims.upn = Some(name.into());
        claims.object_id = Some(OBJECT_ID.into());
        claims.audience = Some("https://ossrdbms-aad.database.windows.net".into());
        claims
    }

    fn found(url: &str, claims: &Claims, kind: ErrorKind, sqlstate: Option<&str>) -> Finding {
        let target = Target::parse(url).expect("a URL");
        let attempt = Attempt {
            target: &target,
            claims,
            sqlstate,
            now: SystemTime::UNIX_EPOCH,
        };
        explain(&attempt, &Error::new(kind, "the server's words"))
    }

    const AZURE: &str = "postgres://developers@my.postgres.database.azure.com/orders";

    #[rstest]
    #[case::expired(Rejection::Expired, "clock")]
    #[case::audience(Rejection::Audience, "--scope")]
    #[case::format(Rejection::Format, "enable Microsoft Entra")]
    #[case::token_type(
        Rejection::TokenType,
        "DROP ROLE \"developers\";\nSELECT * FROM pgaadauth_create_principal_with_oid('developers'"
    )]
    #[case::from_the_future(Rejection::NotYetValid, "clock")]
    #[case::tenant(Rejection::Tenant, "tenant")]
    #[case::object_id(Rejection::ObjectId, "DROP ROLE \"developers\";")]
    #[case::not_in_group(Rejection::NotInGroup, "alice@contoso.com must be a member of it")]
    #[case::unknown_role(Rejection::UnknownRole, "the role does not exist")]
    #[case::no_login(Rejection::NoLogin, "ALTER ROLE \"developers\" LOGIN;")]
    #[case::disabled(Rejection::EntraDisabled, "enable Microsoft Entra")]
    #[case::other(
        Rejection::Other,
        "if developers is a group, alice@contoso.com must be a member of it"
    )]
    fn the_servers_reason_comes_first(#[case] rejection: Rejection, #[case] first: &str) {
        let finding = found(
            AZURE,
            &user("alice@contoso.com"),
            ErrorKind::Rejected(rejection),
            Some("28P01"),
        );
        assert_eq!(finding.cause, "the server's words");
        assert!(finding.cures[0].contains(first), "{finding:?}");
    }

    #[test]
    fn the_statement_holds_the_name_and_the_object_id() {
        let kind = ErrorKind::Rejected(Rejection::Other);
        let finding = found(AZURE, &user("alice@contoso.com"), kind, Some("28P01"));
        let statement = format!(
            "SELECT * FROM pgaadauth_create_principal_with_oid('developers', '{OBJECT_ID}', 'user', false, false);"
        );
        assert!(
            finding.cures.iter().any(|cure| cure.ends_with(&statement)),
            "{finding:?}"
        );
        let scope = finding.cures.iter().any(|cure| cure.contains("--scope"));
        assert!(!scope, "an Azure host names its cloud: {finding:?}");
    }

    #[test]
    fn a_name_in_another_case_is_noticed() {
        let finding = found(
            "postgres://Alice@Contoso.com@db.internal/x"
                .replacen('@', "%40", 1)
                .as_str(),
            &user("alice@contoso.com"),
            ErrorKind::Rejected(Rejection::Other),
            Some("28P01"),
        );
        assert!(
            finding.cures[0].contains("the principal is called alice@contoso.com"),
            "{finding:?}"
        );
        assert!(finding.cures.iter().any(|cure| cure.contains("--scope")));
    }

    #[rstest]
    #[case("3D000", "CREATE DATABASE \"orders\";")]
    #[case("42501", "GRANT CONNECT ON DATABASE \"orders\" TO \"developers\";")]
    fn a_refusal_that_is_not_about_the_token_is_not_blamed_on_it(
        #[case] sqlstate: &str,
        #[case] cure: &str,
    ) {
        let finding = found(AZURE, &user("a@b"), ErrorKind::Connect, Some(sqlstate));
        assert_eq!(finding.cures.len(), 1, "{finding:?}");
        assert!(finding.cures[0].contains(cure), "{finding:?}");
    }
}
