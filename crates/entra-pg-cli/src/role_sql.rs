//! `entra-pg role-sql`: the SQL that creates a role for a principal.

use clap::Args;
use entra_pg_core::{Claims, connect::is_printable};

use crate::{
    failure::Failure,
    options::Server,
    output::print,
    principal::Kind,
    runtime::block_on_until_signalled,
    sql::{Mapping, create_role, look_up_and_create_role},
    status,
};

/// Print the SQL that creates a principal's role
///
/// Without options, for the current principal: its name, object id and type come from its token. The server's Entra
/// administrator has to run the SQL, in the database postgres.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg role-sql                                    # for the current principal
  entra-pg role-sql postgres://orders@HOST/orders      # as the role orders
  entra-pg role-sql --name developers --type group --object-id 11111111-2222-3333-4444-555555555555
  entra-pg role-sql --look-up alice@contoso.com        # the server finds the object id
  entra-pg role-sql | entra-pg psql --credential AzureCliCredential postgres://ADMIN@HOST/postgres")]
pub(crate) struct RoleSql {
    #[command(flatten)]
    server: Server,

    /// The role's name [default: from the URL, else from the token]
    #[arg(long, value_name = "ROLE")]
    name: Option<String>,

    /// The object (principal) id, not the application id [default: from the token]
    #[arg(long, value_name = "ID", requires = "name", requires = "type")]
    object_id: Option<String>,

    /// The kind of principal [default: from the token]
    #[arg(long = "type", id = "type", value_enum, value_name = "TYPE")]
    kind: Option<Kind>,

    /// Create the role for another principal, which the server looks up in Entra by this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "object_id", "type"])]
    look_up: Option<String>,

    /// Make the role an Entra administrator, which can create such roles
    #[arg(long)]
    admin: bool,

    /// Require multi-factor authentication; for users only
    #[arg(long)]
    mfa: bool,
}

impl RoleSql {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let sql = match (&self.look_up, &self.object_id, &self.name, self.kind) {
            (Some(name), ..) => look_up_and_create_role(name, self.admin, self.mfa),
            (None, Some(object_id), Some(name), Some(kind)) => create_role(&Mapping {
                name,
                object_id,
                kind,
                admin: self.admin,
                mfa: self.mfa,
            }),
            _ => self.for_the_current_principal()?,
        };
        check_is_seen_whole(&sql)?;
        print(&format!(
            "-- As the server's Entra administrator, in the database postgres:\n{sql}\n"
        ))?;
        Ok(status::OK)
    }

    fn for_the_current_principal(&self) -> Result<String, Failure> {
        if self.kind == Some(Kind::Group) {
            return Err(Failure::new(
                status::USAGE,
                "a token does not contain the object id of a group (add --name and --object-id, which \
                 az ad group show --group NAME --query id prints)",
            ));
        }
        let obtained = block_on_until_signalled(async { Ok(self.server.obtain().await?) })?;
        let user = obtained.target.as_ref().and_then(|target| target.user());
        self.statement(user, &obtained.token.claims())
    }

    /// `user` is the role that the URL or `PGUSER` names.
    fn statement(&self, user: Option<&str>, claims: &Claims) -> Result<String, Failure> {
        let own = claims.role_name();
        let name = self.name.as_deref().or(user).or(own);
        let name = name.ok_or_else(|| missing("a name", "--name"))?;
        let object_id = claims.object_id.as_deref();
        let kind = self.kind.or(Kind::of(claims));
        let mapping = Mapping {
            name,
            object_id: object_id
                .ok_or_else(|| missing("an object id", "--name, --type and --object-id"))?,
            kind: kind.ok_or_else(|| missing("the kind of principal", "--type"))?,
            admin: self.admin,
            mfa: self.mfa,
        };
        let statement = create_role(&mapping);
        Ok(match own {
            Some(own) if own != name && mapping.kind == Kind::User => format!(
                "-- Only {own:?} can log in as {name:?}. For a group, add --name, --type group and the group's --object-id.\n\
                 {statement}"
            ),
            _ => statement,
        })
    }
}

/// An administrator reads the SQL before it runs.
fn check_is_seen_whole(sql: &str) -> Result<(), Failure> {
    match sql.chars().find(|c| *c != '\n' && !is_printable(*c)) {
        None => Ok(()),
        Some(hidden) => Err(Failure::new(
            status::USAGE,
            format!(
                "the name or the object id holds a character that cannot be seen, {} (add --name and --object-id without it)",
                hidden.escape_unicode()
            ),
        )),
    }
}

fn missing(what: &str, option: &str) -> Failure {
    Failure::new(
        status::TOKEN,
        format!("the token does not contain {what} (add {option})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_that_is_not_seen_whole_is_not_printed() {
        assert!(check_is_seen_whole("-- a\nSELECT 'é';").is_ok());
        for hidden in ["\u{1b}[2K", "a\rb", "\u{202e}"] {
            let error = check_is_seen_whole(hidden)
                .expect_err("hidden")
                .message
                .unwrap_or_default();
            assert!(error.contains("--name"), "{error}");
            assert!(error.chars().all(is_printable), "{error:?}");
        }
    }

    fn alice() -> Claims {
        let mut claims = Claims::default();
        claims.upn = Some("alice@contoso.com".into());
        claims.object_id = Some("o".into());
        claims
    }

    fn command() -> RoleSql {
        RoleSql {
            server: Server::default(),
            name: None,
            object_id: None,
            kind: None,
            look_up: None,
            admin: false,
            mfa: false,
        }
    }

    #[test]
    fn a_groups_role_is_not_silently_made_ones_own() {
        let own = command().statement(None, &alice()).expect("a statement");
        assert!(own.starts_with("SELECT"), "{own}");
        let group = command()
            .statement(Some("developers"), &alice())
            .expect("a statement");
        assert!(
            group.starts_with("-- ") && group.contains("--type group"),
            "{group}"
        );
        assert!(group.contains("'developers', 'o', 'user'"), "{group}");
        let hostile = command()
            .statement(Some("x\nDROP ROLE y;"), &alice())
            .expect("a statement");
        let comment = hostile.lines().next().unwrap_or_default();
        assert!(comment.ends_with("the group's --object-id."), "{hostile}");
    }

    #[test]
    fn an_error_names_the_option_for_a_missing_claim() {
        let failure = command()
            .statement(None, &Claims::default())
            .expect_err("no name");
        assert!(failure.message.is_some_and(|text| text.contains("--name")));
        let mut opaque = alice();
        opaque.object_id = None;
        let failure = command().statement(None, &opaque).expect_err("no id");
        assert!(
            failure
                .message
                .is_some_and(|text| text.contains("--object-id"))
        );
    }
}
