//! Is a failed operation explained? Only by a fault that struck at the time, and that causes this class of error.

use std::time::Duration;

use tokio::time::Instant;

use crate::incident::{Incident, Kind, LIFETIME};

/// Until every pool has noticed that a fault is over.
const GRACE: Duration = Duration::from_secs(5);
/// The longest step of the backoff while no token lives, and the connect after it.
const BACKOFF: Duration = Duration::from_secs(15);
/// An expiry is measured by the wall clock, an operation's end by the monotonic one.
const CLOCKS_DIFFER: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) adapter: &'static str,
    /// By rotation, as opposed to per connection.
    pub(crate) rotates: bool,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) error: String,
}

/// What kind of thing went wrong, read from an error's text: the drivers have no type in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    NoToken,
    Refused,
    Lost,
    TimedOut,
    Other,
}

impl Class {
    pub(crate) fn of(error: &str) -> Self {
        let error = error.to_ascii_lowercase();
        let contains = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
        if contains(&["token failed"]) {
            Self::NoToken
        } else if contains(&["authentication failed for user"]) {
            Self::Refused
        } else if contains(&[
            "administrator command",
            "shutting down",
            "starting up",
            "not yet accepting",
            "connection refused",
            "connection reset",
            "connection closed",
            "broken pipe",
            "unexpected end of file",
            "unexpected eof",
            "early eof",
            // What sqlx reads from a connection that ended before its request for TLS was answered.
            "unexpected response from sslrequest: 0x00",
            "got 0 bytes",
            "close_notify",
            "tls handshake eof",
            "the connection broke",
        ]) {
            Self::Lost
        } else if contains(&["timed out", "not ready within", "not ready in time"]) {
            Self::TimedOut
        } else {
            Self::Other
        }
    }
}

/// The fault that explains it.
pub(crate) fn explanation<'a>(
    failure: &Failure,
    incidents: &'a [Incident],
) -> Option<&'a Incident> {
    incidents
        .iter()
        .find(|incident| explains(incident, failure))
}

fn explains(incident: &Incident, failure: &Failure) -> bool {
    let class = Class::of(&failure.error);
    let during = |begin: Instant, end: Instant| failure.ended >= begin && failure.began <= end;
    match (incident.kind, class) {
        (Kind::OutagePastExpiry, Class::NoToken | Class::Refused) => {
            let own = |(name, _): &&(&str, Instant)| *name == failure.adapter;
            let Some((_, expiry)) = incident.expiries.iter().find(own) else {
                return false;
            };
            // An adapter that fetches per connection has no token then, but for the one that expires on its way to the server. A
            // rotated pool goes on with the one that has expired.
            let end = match class {
                Class::Refused if !failure.rotates => *expiry,
                _ => incident.end + BACKOFF,
            };
            during(*expiry - CLOCKS_DIFFER, end)
        }
        // A rotated pool learns of it with the next token.
        (Kind::IdentityRevoked | Kind::KeysRotated, Class::Refused) => {
            failure.rotates && during(incident.begin, incident.end + LIFETIME)
        }
        (Kind::Restart | Kind::ConnectionsEnded | Kind::NetworkDown, Class::Lost)
        | (Kind::NetworkSilent, Class::Lost | Class::TimedOut) => {
            during(incident.begin, incident.end + GRACE)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_pg_emulator::Fault;
    use rstest::rstest;

    const S: Duration = Duration::from_secs(1);

    #[rstest]
    #[case("token failed: the provided credential: HTTP 503", Class::NoToken)]
    #[case("FATAL: LDAP authentication failed for user \"app\"", Class::Refused)]
    #[case("terminating connection due to administrator command", Class::Lost)]
    #[case("Timed out in bb8: connection failed: Connection refused", Class::Lost)]
    #[case("pool timed out while waiting for an open connection", Class::TimedOut)]
    #[case("syntax error at or near \"SELEC\"", Class::Other)]
    fn an_error_is_not_mistaken_for_another(#[case] error: &str, #[case] class: Class) {
        assert_eq!(Class::of(error), class);
    }

    #[rstest]
    #[case::restart(Kind::Restart, "connection closed", true, true)]
    #[case::of_another_class(Kind::Restart, "token failed", true, false)]
    #[case::endpoint(Kind::EndpointFails(Fault::Html), "token failed", false, false)]
    #[case::revoked_per_connection(
        Kind::IdentityRevoked,
        "authentication failed for user",
        false,
        false
    )]
    #[case::revoked_by_rotation(
        Kind::IdentityRevoked,
        "authentication failed for user",
        true,
        true
    )]
    #[case::slow_logins(Kind::LoginsAreSlow, "timed out", true, false)]
    fn only_the_fault_that_causes_it_explains_a_failure(
        #[case] kind: Kind,
        #[case] error: &str,
        #[case] rotates: bool,
        #[case] explained: bool,
    ) {
        let begin = Instant::now() + 60 * S;
        let incident = [Incident {
            kind,
            begin,
            end: begin + S,
            expiries: Vec::new(),
        }];
        let failure = |began: Instant| Failure {
            adapter: "it",
            rotates,
            began,
            ended: began + S,
            error: error.to_owned(),
        };
        assert_eq!(explanation(&failure(begin), &incident).is_some(), explained);
        assert!(
            explanation(&failure(begin - 10 * S), &incident).is_none(),
            "before"
        );
        assert!(
            explanation(&failure(begin + 100 * S), &incident).is_none(),
            "long after"
        );
    }

    #[rstest]
    #[case::before_expiry("token failed", false, 5, false)]
    #[case::after_expiry("token failed", false, 15, true)]
    #[case::refused_on_the_way("authentication failed for user", false, 9, true)]
    #[case::refused_later("authentication failed for user", false, 15, false)]
    #[case::refused_by_rotation("authentication failed for user", true, 15, true)]
    fn a_failed_request_explains_nothing_while_a_token_lives(
        #[case] error: &str,
        #[case] rotates: bool,
        #[case] second: u32,
        #[case] explained: bool,
    ) {
        let begin = Instant::now();
        let outage = [Incident {
            kind: Kind::OutagePastExpiry,
            begin,
            end: begin + 20 * S,
            expiries: vec![("it", begin + 10 * S)],
        }];
        let failure = Failure {
            adapter: "it",
            rotates,
            began: begin + second * S,
            ended: begin + (second + 1) * S,
            error: error.to_owned(),
        };
        assert_eq!(explanation(&failure, &outage).is_some(), explained);
    }
}
