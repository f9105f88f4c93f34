//! Why a server refused a login, read from its SQLSTATE and message. Pure.
//!
//! The wording varies between server versions and the pooler, so the message is matched loosely, without the names in it, and
//! only after the SQLSTATE says that it is about authentication.

use super::{refusal::refusal, wording::wording};

/// Names the cause of a refused login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The token has expired by the server's clock.
    Expired,
    /// The token is not valid yet by the server's clock.
    NotYetValid,
    /// The token is for another service or another cloud.
    Audience,
    /// The token was issued by another tenant than the server's.
    Tenant,
    /// The token is damaged, or is not a token.
    Format,
    /// The role exists for another kind of principal: a user's token for a service principal's role, or the reverse.
    TokenType,
    /// The role is mapped to another principal's object id, as after an identity was deleted and created again.
    ObjectId,
    /// The role is a group's, and the token's principal is not a member, or was not when the token was issued.
    NotInGroup,
    /// There is no such role.
    UnknownRole,
    /// The role exists, and may not log in.
    NoLogin,
    /// Microsoft Entra authentication is not enabled on the server.
    EntraDisabled,
    /// The server asks for a PostgreSQL password (SCRAM or MD5), as it does for a role that is not mapped to Entra. The token
    /// was not sent.
    NotEntra,
    /// The server gives no reason. Mostly: no role is mapped to this principal, or its name is spelled differently.
    Other,
}

/// With this SQLSTATE `PgBouncer`, on port 6432, refuses everything. A server refuses a login with 28000 or 28P01.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const POOLER: &str = "08P01";
const POOLERS_REFUSALS: [&str; 6] = [
    "authentication failed",
    "auth failed",
    "login failed",
    "access token",
    "aad_auth_tokentype",
    "no such user",
];

/// What a message says, and why then the login was refused; the first that fits counts.
///
/// Known from servers' own messages: the expiry, the audience, the format and the kinds of token
/// (<https://github.com/MicrosoftDocs/azure-docs/issues/120133>,
/// <https://github.com/microsoft/azuredatastudio-postgresql/issues/505>), and the missing group id (of the single server).
/// Microsoft publishes no list: the wording for the tenant, the object id, a token from the future and a server without Entra
/// is not known for sure.
const CAUSES: &[(&str, Rejection)] = &[
    ("expired", Rejection::Expired),
    ("not yet valid", Rejection::NotYetValid),
    ("not valid yet", Rejection::NotYetValid),
    ("audience", Rejection::Audience),
    ("does not contain group id", Rejection::NotInGroup),
    ("not a member of", Rejection::NotInGroup),
    ("aad_auth_tokentype", Rejection::TokenType),
    ("object id", Rejection::ObjectId),
    ("oid", Rejection::ObjectId),
    ("tenant", Rejection::Tenant),
    ("issuer", Rejection::Tenant),
    ("invalid format", Rejection::Format),
    ("malformed", Rejection::Format),
    ("authentication is not enabled", Rejection::EntraDisabled),
    ("authentication is disabled", Rejection::EntraDisabled),
    // PostgreSQL's own, and PgBouncer's.
    ("does not exist", Rejection::UnknownRole),
    ("no such user", Rejection::UnknownRole),
    ("not permitted to log in", Rejection::NoLogin),
];

impl Rejection {
    /// Classifies a server's error. Returns `None` when it is not about authentication.
    pub fn classify(sqlstate: &str, message: &str) -> Option<Self> {
        if refusal(sqlstate, message).is_some() {
            return None;
        }
        let message = wording(message);
        let about_a_login = match sqlstate {
            "28000" | "28P01" => true,
            POOLER => POOLERS_REFUSALS.iter().any(|words| message.contains(words)),
            _ => false,
        };
        about_a_login.then(|| {
            let cause = CAUSES
                .iter()
                .find(|(words, _)| holds_words(&message, words));
            cause.map_or(Self::Other, |(_, rejection)| *rejection)
        })
    }

    /// Returns whether another token could be accepted where this one was refused: one that lives, is whole, or knows of a
    /// new membership. A wrong audience, tenant or kind of token does not change with the next request.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Expired | Self::Format | Self::NotInGroup | Self::Other
        )
    }

    pub(super) fn hint(self, user: &str) -> String {
        match self {
            Self::Expired => "the server's clock says that the token is too old: check the clock of this machine".into(),
            Self::NotYetValid => "the server's clock says that the token is from the future: check the clock of this machine".into(),
            Self::Tenant => "the token is of another tenant: sign in to the server's, as with az login --tenant, or correct AZURE_TENANT_ID".into(),
            Self::ObjectId => format!(
                "role \"{user}\" is mapped to another principal, as after an identity was deleted and created again: look at select * \
                 from pgaadauth_list_principals(false), drop the role, and create it again with the new object id"
            ),
            Self::NotInGroup => format!(
                "role \"{user}\" is a group's: add the principal to the group; tokens from before that are refused until they expire"
            ),
            Self::UnknownRole => format!(
                "create the role as the server's Entra administrator, or correct its name (\"{user}\", case counts); through PgBouncer \
                 it must exist on the server, too"
            ),
            Self::NoLogin => format!("role \"{user}\" may not log in: run ALTER ROLE … LOGIN, or use another role"),
            Self::EntraDisabled => "enable Microsoft Entra authentication on the server (portal: Security, Authentication)".into(),
            Self::Audience => "the token is for another service or cloud: set the scope that fits the server, see Scope".into(),
            Self::Format => "check that the server has Microsoft Entra authentication enabled".into(),
            Self::TokenType => format!(
                "role \"{user}\" was made for another kind of principal: recreate it with \
                 pgaadauth_create_principal_with_oid and the type 'user', 'group' or 'service' that fits"
            ),
            Self::NotEntra => format!(
                "role \"{user}\" logs in with a PostgreSQL password: it is not mapped to Entra; check the role's name, and that \
                 Microsoft Entra authentication is enabled on the server"
            ),
            Self::Other => format!(
                "no role \"{user}\" is mapped to this principal, or its name differs in case: as the server's Entra administrator, \
                 in database postgres, run select * from pgaadauth_create_principal_with_oid('{}', '<object id>', 'service', false, false)",
                user.replace('\'', "''")
            ),
        }
    }
}

/// Whole words: `oid` is no part of `avoid`.
fn holds_words(message: &str, words: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric();
    message.match_indices(words).any(|(at, _)| {
        let before = message[..at].chars().next_back();
        let after = message[at + words.len()..].chars().next();
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "28000",
        "The access token has expired. Please acquire a new token and retry",
        Some(Rejection::Expired)
    )]
    #[case(
        "28P01",
        "Access token does not have a valid audience claim",
        Some(Rejection::Audience)
    )]
    #[case("28P01", "The token has invalid format", Some(Rejection::Format))]
    #[case(
        "28P01",
        "Service principals cannot generate AAD_AUTH_TOKENTYPE_APP_USER tokens for role \"app\"",
        Some(Rejection::TokenType)
    )]
    #[case(
        "28000",
        "Service Principals cannot generate AAD_AUTH_TOKENTYPE_APP_USER tokens for role[expired]",
        Some(Rejection::TokenType)
    )]
    #[case(
        "28000",
        "Microsoft Entra user token for role \"expired audience\" is neither an AAD_AUTH_TOKENTYPE_APP_USER or an AAD_AUTH_TOKENTYPE_APP_OBO token.",
        Some(Rejection::TokenType)
    )]
    #[case(
        "28000",
        "Azure AD access token not valid for role expired readers (does not contain group ID ba0ea787-9e71-4e9e-834d-71aa7f32361b)",
        Some(Rejection::NotInGroup)
    )]
    #[case(
        "28000",
        "The access token does not have a valid audience claim. Please acquire a new token for the resource \"https://ossrdbms-aad.database.windows.net\".",
        Some(Rejection::Audience)
    )]
    #[case(
        "28P01",
        "The access token has expired. Acquire a new token and try again.",
        Some(Rejection::Expired)
    )]
    #[case(
        "28000",
        "The access token is not yet valid",
        Some(Rejection::NotYetValid)
    )]
    #[case(
        "28000",
        "The access token's object ID does not match role \"app\"",
        Some(Rejection::ObjectId)
    )]
    #[case(
        "28000",
        "The access token's issuer is not the server's",
        Some(Rejection::Tenant)
    )]
    #[case(
        "28000",
        "The access token is of another tenant",
        Some(Rejection::Tenant)
    )]
    #[case(
        "28000",
        "User is not a member of the group \"app\"",
        Some(Rejection::NotInGroup)
    )]
    #[case(
        "28000",
        "Microsoft Entra authentication is not enabled",
        Some(Rejection::EntraDisabled)
    )]
    #[case("28000", "role \"app\" does not exist", Some(Rejection::UnknownRole))]
    #[case(
        "28000",
        "role \"app\" is not permitted to log in",
        Some(Rejection::NoLogin)
    )]
    #[case("28P01", "no wording avoids the void", Some(Rejection::Other))]
    #[case::names_with_quotes(
        "28P01",
        "password authentication failed for user \"a\" has expired \"b\"",
        Some(Rejection::Other)
    )]
    #[case::localized(
        "28P01",
        "authentification par mot de passe échouée pour l'utilisateur « expired »",
        Some(Rejection::Other)
    )]
    #[case::localized(
        "28P01",
        "Passwort-Authentifizierung für Benutzer »audience« fehlgeschlagen",
        Some(Rejection::Other)
    )]
    #[case("08P01", "no such user", Some(Rejection::UnknownRole))]
    #[case(
        "08P01",
        "server login failed: FATAL role \"app\" does not exist",
        Some(Rejection::UnknownRole)
    )]
    #[case("08P01", "no more connections allowed (max_client_conn)", None)]
    #[case("08P01", "query_wait_timeout", None)]
    #[case(
        "XX000",
        "cannot read pg_class without having selected a database",
        None
    )]
    #[case(
        "28P01",
        "password authentication failed for user \"app\"",
        Some(Rejection::Other)
    )]
    #[case(
        "08P01",
        "server login failed: FATAL password authentication failed",
        Some(Rejection::Other)
    )]
    #[case::a_role_that_is_called_like_a_cause(
        "28P01",
        "password authentication failed for user \"audience-of-expired-tokens\"",
        Some(Rejection::Other)
    )]
    #[case::an_address_that_is_not_let_in(
        "28000",
        "no pg_hba.conf entry for host \"192.0.2.1\", user \"app\", database \"orders\", SSL encryption",
        None
    )]
    #[case::a_role_that_is_called_like_the_file(
        "28P01",
        "password authentication failed for user \"pg_hba.conf\"",
        Some(Rejection::Other)
    )]
    #[case("08P01", "unsupported startup parameter: search_path", None)]
    #[case(
        "08P01",
        "The access token has expired. Please acquire a new token and retry",
        Some(Rejection::Expired)
    )]
    #[case("08P01", "server login failed: FATAL no pg_hba.conf entry", None)]
    #[case("08P01", "no such database: login_tokens", None)]
    #[case("08P01", "client_login_timeout", None)]
    #[case("53300", "too many connections: token expired", None)]
    fn server_messages_are_not_misread(
        #[case] sqlstate: &str,
        #[case] message: &str,
        #[case] expected: Option<Rejection>,
    ) {
        assert_eq!(Rejection::classify(sqlstate, message), expected);
    }

    #[rstest]
    #[case(Rejection::Expired, true)]
    #[case(Rejection::Other, true)]
    #[case(Rejection::Format, true)]
    #[case(Rejection::NotInGroup, true)]
    #[case(Rejection::NotYetValid, false)]
    #[case(Rejection::Tenant, false)]
    #[case(Rejection::ObjectId, false)]
    #[case(Rejection::UnknownRole, false)]
    #[case(Rejection::NoLogin, false)]
    #[case(Rejection::EntraDisabled, false)]
    #[case(Rejection::Audience, false)]
    #[case(Rejection::TokenType, false)]
    #[case(Rejection::NotEntra, false)]
    fn only_a_curable_rejection_asks_for_another_token(
        #[case] cause: Rejection,
        #[case] helps: bool,
    ) {
        assert_eq!(cause.is_retryable(), helps);
    }
}
