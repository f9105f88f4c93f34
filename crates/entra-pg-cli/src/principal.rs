//! The kinds of principal.

use std::fmt;

use clap::ValueEnum;
use entra_pg_core::Claims;
use serde::Serialize;

/// A kind of principal that a role can be created for.
/// <https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A person
    User,
    /// A group, whose members log in with its name
    Group,
    /// A managed identity, or a service principal
    Service,
}

impl Kind {
    /// Never a group: a token belongs to one of its members.
    pub(crate) fn of(claims: &Claims) -> Option<Self> {
        match claims.principal_type.as_deref() {
            Some("user") => Some(Self::User),
            Some("app") => Some(Self::Service),
            // `idtyp` is an optional claim.
            _ if claims.managed_identity_resource_id.is_some() => Some(Self::Service),
            _ if claims.role_name().is_some() || claims.guest_name().is_some() => Some(Self::User),
            _ if claims.application_id.is_some() => Some(Self::Service),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Service => "service",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn claims(change: impl FnOnce(&mut Claims)) -> Claims {
        let mut claims = Claims::default();
        change(&mut claims);
        claims
    }

    #[rstest]
    #[case(claims(|c| c.principal_type = Some("user".into())), Some(Kind::User))]
    #[case(claims(|c| c.principal_type = Some("app".into())), Some(Kind::Service))]
    #[case(claims(|c| c.managed_identity_resource_id = Some("/a/b".into())), Some(Kind::Service))]
    #[case(claims(|c| { c.upn = Some("a@b".into()); c.application_id = Some("x".into()); }), Some(Kind::User))]
    #[case(claims(|c| { c.unique_name = Some("live.com#a@b".into()); c.application_id = Some("x".into()); }), Some(Kind::User))]
    #[case(claims(|c| c.application_id = Some("x".into())), Some(Kind::Service))]
    #[case(Claims::default(), None)]
    fn no_role_is_made_for_another_kind(#[case] claims: Claims, #[case] kind: Option<Kind>) {
        assert_eq!(Kind::of(&claims), kind);
    }
}
