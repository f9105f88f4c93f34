//! Which of several servers to use: `target_session_attrs` and `load_balance_hosts`, with libpq's names and meanings.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS>

use std::fmt;

use crate::{Error, ErrorKind};

/// What a server must be like: the parameter `target_session_attrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetSessionAttrs {
    /// `any`: every server will do.
    #[default]
    Any,
    /// `read-write`: it accepts writes, unless a transaction asks for less.
    ReadWrite,
    /// `read-only`: it is a standby, or its transactions are read-only by default.
    ReadOnly,
    /// `primary`: it is not a standby.
    Primary,
    /// `standby`: it is a standby.
    Standby,
    /// `prefer-standby`: a standby, or any other if no host is one.
    PreferStandby,
}

/// In which order hosts and addresses are tried: the parameter `load_balance_hosts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadBalanceHosts {
    /// `disable`: in the order given.
    #[default]
    Disable,
    /// `random`: in another order for each connection.
    Random,
}

impl TargetSessionAttrs {
    const ALL: [Self; 6] = [
        Self::Any,
        Self::ReadWrite,
        Self::ReadOnly,
        Self::Primary,
        Self::Standby,
        Self::PreferStandby,
    ];

    /// Returns libpq's name: `read-write`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }

    pub(super) fn read(text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let found = Self::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| {
            invalid("target_session_attrs is not one of libpq's").with_hint(
                "it can be any, read-write, read-only, primary, standby or prefer-standby",
            )
        })
    }
}

impl fmt::Display for TargetSessionAttrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl LoadBalanceHosts {
    pub(super) fn read(text: Option<&str>) -> Result<Self, Error> {
        match text {
            None | Some("disable") => Ok(Self::Disable),
            Some("random") => Ok(Self::Random),
            Some(_) => Err(invalid("load_balance_hosts is not one of libpq's")
                .with_hint("it can be disable or random")),
        }
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}
