//! Why a server refused a login, read from its SQLSTATE and message. Pure.
//!
//! The wording varies between server versions and the pooler, so the message is matched loosely and only after the
//! SQLSTATE says that it is about authentication. The messages are those of Azure Database for `PostgreSQL`.

/// Names the cause of a refused login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The token has expired by the server's clock.
    Expired,
    /// The token is for another service or another cloud.
    Audience,
    /// The token is damaged, or is not a token.
    Format,
    /// The role exists for another kind of principal: a user's token for a service principal's role, or the reverse.
    TokenType,
    /// The server asks for a PostgreSQL password (SCRAM or MD5), as it does for a role that is not mapped to Entra. The token
    /// was not sent.
    NotEntra,
    /// The server gives no reason. Mostly: no role is mapped to this principal, or its name is spelled differently.
    Other,
}

/// With this SQLSTATE `PgBouncer`, on port 6432, refuses everything. A server refuses a login with 28000 or 28P01.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const POOLER: &str = "08P01";
const POOLERS_REFUSALS: [&str; 5] = [
    "authentication failed",
    "auth failed",
    "login failed",
    "access token",
    "aad_auth_tokentype",
];

/// The server accepts no login from this client's address. On Azure the firewall's rules stand in this file.
/// <https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-firewall-rules>
const NOT_ADMITTED: &str = "pg_hba.conf";

impl Rejection {
    /// Classifies a server's error. Returns `None` when it is not about authentication.
    pub fn classify(sqlstate: &str, message: &str) -> Option<Self> {
        let message = wording(message);
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        let about_a_login = match sqlstate {
            "28000" | "28P01" => true,
            POOLER => says(&POOLERS_REFUSALS),
            _ => false,
        };
        if !about_a_login || says(&[NOT_ADMITTED]) {
            return None;
        }
        Some(if says(&["expired"]) {
            Self::Expired
        } else if says(&["audience"]) {
            Self::Audience
        } else if says(&["invalid format", "malformed"]) {
            Self::Format
        } else if says(&["aad_auth_tokentype"]) {
            Self::TokenType
        } else {
            Self::Other
        })
    }

    /// Returns whether another token could be accepted where this one was refused. A wrong audience or kind of token does
    /// not change with the next request.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Expired | Self::Format | Self::Other)
    }

    pub(super) fn hint(self, user: &str) -> String {
        match self {
            Self::Expired => "the server's clock says that the token is too old: check the clock of this machine".into(),
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

/// A message without what it quotes: the names of roles and databases are no wording.
fn wording(message: &str) -> String {
    let unquoted: Vec<_> = message.split('"').step_by(2).collect();
    unquoted.join(" ").to_ascii_lowercase()
}

/// Whether the server refused the connection before it looked at the login: its rules do not admit this address.
pub(super) fn is_not_admitted(message: &str) -> bool {
    wording(message).contains(NOT_ADMITTED)
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
