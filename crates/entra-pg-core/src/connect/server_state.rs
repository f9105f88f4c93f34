//! Whether a server is one that `target_session_attrs` admits, by libpq's rules. Pure.

use super::{Attempt, Failure};
use crate::{Error, ErrorKind, TargetSessionAttrs};

/// Whether a server is a standby, and whether its transactions are read-only by default.
///
/// A server since version 14 reports both when a session begins. Where they are not reported, as by `PgBouncer`,
/// [`QUERY`](Self::QUERY) asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerState {
    is_standby: bool,
    is_read_only: bool,
}

impl ServerState {
    /// Returns one row of two texts, for [`of_row`](Self::of_row).
    pub const QUERY: &str = "SELECT pg_catalog.pg_is_in_recovery()::pg_catalog.text, pg_catalog.current_setting('transaction_read_only')";

    /// Reads what the server has reported: `parameter` returns the value of a `ParameterStatus` message. `None` if there was
    /// none.
    ///
    /// ```
    /// use entra_pg_core::connect::ServerState;
    ///
    /// let reported = |name: &str| (name == "in_hot_standby").then_some("off");
    /// assert_eq!(ServerState::reported(reported), None, "default_transaction_read_only is missing");
    /// ```
    pub fn reported<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            is_standby: parameter("in_hot_standby")? == "on",
            is_read_only: parameter("default_transaction_read_only")? == "on",
        })
    }

    /// Reads the columns of [`QUERY`](Self::QUERY)'s row.
    pub fn of_row(in_recovery: &str, read_only: &str) -> Self {
        Self {
            is_standby: in_recovery == "true",
            is_read_only: read_only == "on",
        }
    }

    /// What it is, if it is not what is wanted.
    fn mismatch(self, wanted: TargetSessionAttrs) -> Option<&'static str> {
        let is_read_only = self.is_standby || self.is_read_only;
        match wanted {
            TargetSessionAttrs::ReadWrite | TargetSessionAttrs::Primary if self.is_standby => {
                Some("a standby")
            }
            TargetSessionAttrs::ReadWrite if is_read_only => Some("read-only"),
            TargetSessionAttrs::ReadOnly if !is_read_only => Some("writable"),
            TargetSessionAttrs::Standby if !self.is_standby => Some("a primary"),
            _ => None,
        }
    }
}

impl Attempt {
    /// Returns `true` if the server that is connected to has to be [checked](Self::check_server).
    pub fn wants_certain_server(&self) -> bool {
        self.wanted() != TargetSessionAttrs::Any
    }

    /// Checks that the server is what `target_session_attrs` asks for, once its session is ready.
    ///
    /// # Errors
    /// If it is not. [`LoginProvider::reach`](crate::LoginProvider::reach) then goes on to the next host.
    pub fn check_server(&self, state: ServerState) -> Result<(), Failure> {
        let wanted = self.wanted();
        let Some(mismatch) = state.mismatch(wanted) else {
            return Ok(());
        };
        let error = Error::new(
            ErrorKind::Connect,
            format!("the server is {mismatch}, and target_session_attrs asks for another"),
        )
        .with_hint(format!(
            "target_session_attrs={wanted} is set: name such a server among the hosts; during a failover wait until there is one"
        ))
        .with_transient(true);
        Err(Failure::unsuitable(error))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::Target;

    const PRIMARY: ServerState = ServerState {
        is_standby: false,
        is_read_only: false,
    };
    /// As after `ALTER SYSTEM SET default_transaction_read_only`, or when Azure's storage is full.
    const READ_ONLY: ServerState = ServerState {
        is_standby: false,
        is_read_only: true,
    };
    const STANDBY: ServerState = ServerState {
        is_standby: true,
        is_read_only: false,
    };

    #[rstest]
    #[case("any", [true, true, true])]
    #[case("read-write", [true, false, false])]
    #[case("read-only", [false, true, true])]
    #[case("primary", [true, true, false])]
    #[case("standby", [false, false, true])]
    // Of the first pass; the second admits any.
    #[case("prefer-standby", [true, true, true])]
    fn the_rule_is_libpqs(#[case] wanted: &str, #[case] admitted: [bool; 3]) {
        let url = format!("postgres://app@localhost/db?target_session_attrs={wanted}");
        let target = Target::parse(&url).expect("a URL");
        let wanted = target.target_session_attrs();
        let found = [PRIMARY, READ_ONLY, STANDBY].map(|state| state.mismatch(wanted).is_none());
        assert_eq!(found, admitted);
    }

    #[rstest]
    #[case(Some("on"), Some("off"), Some(STANDBY))]
    #[case(Some("off"), Some("on"), Some(READ_ONLY))]
    #[case(Some("off"), Some("off"), Some(PRIMARY))]
    #[case(None, Some("off"), None)]
    #[case(Some("on"), None, None)]
    fn what_is_not_reported_is_not_assumed(
        #[case] standby: Option<&str>,
        #[case] read_only: Option<&str>,
        #[case] expected: Option<ServerState>,
    ) {
        let found = ServerState::reported(|name| match name {
            "in_hot_standby" => standby,
            "default_transaction_read_only" => read_only,
            _ => None,
        });
        assert_eq!(found, expected);
    }
}
