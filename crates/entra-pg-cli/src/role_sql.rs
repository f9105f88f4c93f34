//! `entra-pg role-sql`: the SQL that makes a role for a principal.

use clap::Args;

use crate::{
    failure::Failure,
    options::Server,
    output::print,
    principal::Kind,
    runtime::block_on,
    sql::{Mapping, create_role},
    status,
};

/// Print the SQL that creates the role of a principal
///
/// For the current principal without options: its name, object id and type are read from its token. The server's Entra
/// administrator runs it, in the database postgres.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg role-sql                                    # for whoever runs this
  entra-pg role-sql postgres://orders@HOST/orders      # under the name orders
  entra-pg role-sql --name developers --type group --object-id 11111111-2222-3333-4444-555555555555
  entra-pg role-sql --look-up alice@contoso.com        # the server finds the object id
  entra-pg role-sql | entra-pg psql --credential AzureCliCredential postgres://ADMIN@HOST/postgres")]
pub(crate) struct RoleSql {
    #[command(flatten)]
    server: Server,

    /// The role's name [default: the URL's, else the one in the token]
    #[arg(long, value_name = "ROLE")]
    name: Option<String>,

    /// The object (principal) id, not the application id [default: the one in the token]
    #[arg(long, value_name = "ID", requires = "name", requires = "type")]
    object_id: Option<String>,

    /// What kind of principal it is [default: what the token says]
    #[arg(long = "type", id = "type", value_enum, value_name = "TYPE")]
    kind: Option<Kind>,

    /// For another principal, which the server looks up in Entra by this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "object_id", "type"])]
    look_up: Option<String>,

    /// Make it an administrator, who can create such roles
    #[arg(long)]
    admin: bool,

    /// Ask for multi-factor authentication; for users only
    #[arg(long)]
    mfa: bool,
}

impl RoleSql {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let sql = match (&self.look_up, &self.object_id, &self.name, self.kind) {
            (Some(name), ..) => crate::sql::look_up_and_create_role(name, self.admin, self.mfa),
            (None, Some(object_id), Some(name), Some(kind)) => create_role(&Mapping {
                name,
                object_id,
                kind,
                admin: self.admin,
                mfa: self.mfa,
            }),
            _ => self.for_the_current_principal()?,
        };
        print(&format!(
            "-- As the server's Entra administrator, in the database postgres:\n{sql}\n"
        ))?;
        Ok(status::OK)
    }

    fn for_the_current_principal(&self) -> Result<String, Failure> {
        if self.kind == Some(Kind::Group) {
            return Err(Failure::new(
                status::USAGE,
                "a token does not hold its group's object id (add --name and --object-id, as in: \
                 az ad group show --group NAME --query id)",
            ));
        }
        let obtained = block_on(async { Ok(self.server.obtain().await?) })?;
        let claims = obtained.token.claims();
        let given = self
            .name
            .as_deref()
            .or(obtained.target.as_ref().and_then(|target| target.user()));
        let missing = |what: &str, option: &str| {
            Failure::new(
                status::TOKEN,
                format!("the token does not hold {what} (add {option})"),
            )
        };
        Ok(create_role(&Mapping {
            name: given
                .or(claims.role_name())
                .ok_or_else(|| missing("a name", "--name"))?,
            object_id: claims
                .object_id
                .as_deref()
                .ok_or_else(|| missing("an object id", "--name, --type and --object-id"))?,
            kind: self
                .kind
                .or(Kind::of(&claims))
                .ok_or_else(|| missing("the kind of its principal", "--type"))?,
            admin: self.admin,
            mfa: self.mfa,
        }))
    }
}
