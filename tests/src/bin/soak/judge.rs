//! Is a failed operation explained? Only by a fault that struck at the time, and that causes this class of error.

use std::time::Duration;

use tokio::time::Instant;

use crate::incident::{Incident, Kind, LIFETIME};

/// Until every pool has noticed that a fault is over.
const GRACE: Duration = Duration::from_secs(5);
/// The longest step of the backoff while no token lives, and the connect after it.
const BACKOFF: Duration = Duration::from_secs(15);

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
        let says = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
        if says(&["token failed"]) {
            Self::NoToken
        } else if says(&["authentication failed for user"]) {
            Self::Refused
        } else if says(&[
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
            "got 0 bytes",
            "close_notify",
            "tls handshake eof",
            "the connection broke",
        ]) {
            Self::Lost
        } else if says(&["timed out", "not ready within", "not ready in time"]) {
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
    let class = Class::of(&failure.error);
    incidents.iter().find(|incident| {
        causes(incident.kind, class, failure.rotates).is_some_and(|after| {
            failure.ended >= incident.begin && failure.began <= incident.end + after
        })
    })
}

/// Whether this fault causes that class of error, and for how long after its end.
fn causes(kind: Kind, class: Class, rotates: bool) -> Option<Duration> {
    match (kind, class) {
        // Whoever fetches per connection has no token; a rotated pool goes on with one that has expired.
        (Kind::OutagePastExpiry, Class::NoToken) if !rotates => Some(BACKOFF),
        (Kind::OutagePastExpiry, Class::Refused) if rotates => Some(BACKOFF),
        // A rotated pool learns of it with the next token.
        (Kind::IdentityRevoked | Kind::KeysRotated, Class::Refused) if rotates => Some(LIFETIME),
        (Kind::Restart | Kind::ConnectionsEnded | Kind::NetworkDown, Class::Lost) => Some(GRACE),
        (Kind::NetworkSilent, Class::Lost | Class::TimedOut) => Some(GRACE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_pg_emulator::Fault;
    use rstest::rstest;

    const S: Duration = Duration::from_secs(1);

    #[rstest]
    #[case("token failed: the given credential: HTTP 503", Class::NoToken)]
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
}
