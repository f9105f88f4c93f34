//! Is a failed operation explained? Only by a fault that struck at the time, and that causes this class of error.

use std::time::Duration;

use entra_pg_core::RefreshPolicy;
use entra_pg_emulator::Fault;
use entra_pg_tests::attack::is_obeyed;
use tokio::time::Instant;

use crate::{
    illness::Illness,
    incident::{Incident, Kind, LIFETIME},
};

/// Until every pool has noticed that a fault is over.
const GRACE: Duration = Duration::from_secs(5);
/// The longest step of the backoff, and the connect after it.
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
    /// The server answered the request for TLS with an error.
    TooBusy,
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
            "too many clients",
            "the request for tls with an error",
            "unexpected response from sslrequest: 0x45",
        ]) {
            Self::TooBusy
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
            "the server closed the connection",
        ]) {
            Self::Lost
        } else if contains(&["timed out", "not ready within", "not ready in time"]) {
            Self::TimedOut
        } else {
            Self::Other
        }
    }
}

/// The fault that explains it. Nothing explains an error of several lines, or one that a terminal would obey.
pub(crate) fn explanation<'a>(
    failure: &Failure,
    incidents: &'a [Incident],
) -> Option<&'a Incident> {
    if !is_one_line(&failure.error) {
        return None;
    }
    incidents
        .iter()
        .find(|incident| explains(incident, failure))
}

pub(crate) fn is_one_line(text: &str) -> bool {
    !text.contains(|character| character == '\n' || is_obeyed(character))
}

fn explains(incident: &Incident, failure: &Failure) -> bool {
    let class = Class::of(&failure.error);
    let during = |begin: Instant, end: Instant| failure.ended >= begin && failure.began <= end;
    let own = |(name, _): &&(&str, Instant)| *name == failure.adapter;
    let expiry = incident.expiries.iter().find(own);
    let expiry = expiry.map_or(incident.end, |(_, expiry)| *expiry - CLOCKS_DIFFER);
    match (incident.kind, class) {
        (Kind::IllPastExpiry(_), Class::NoToken | Class::Refused | Class::TimedOut) => {
            // An adapter that fetches per connection has no token then, but for the one that expires on its way to the server; a
            // pool's own timeout may come before the connect's. A rotated pool goes on with the one that has expired.
            let end = match class {
                // A pool of bb8 says at its own timeout what became of a connect that began before.
                Class::Refused if failure.error.contains("Timed out in bb8") => expiry + BACKOFF,
                Class::Refused if !failure.rotates => expiry + CLOCKS_DIFFER,
                Class::TimedOut if failure.rotates => return false,
                _ => incident.end + BACKOFF,
            };
            during(expiry, end)
        }
        // A refresh is due 20 s before expiry, and may take 30 s. Callers are given a second one then; a rotated pool looks once a
        // second.
        (
            Kind::OneRequestHangs | Kind::EndpointIll(Illness::Fails(Fault::Hang)),
            Class::Refused,
        ) => failure.rotates && during(expiry, expiry + GRACE),
        // A rotated pool learns of it with the next token.
        (
            Kind::Refuses(_) | Kind::RefusesWhileIll(..) | Kind::RefusesAndOneRequestHangs(_),
            Class::Refused,
        ) if failure.rotates => during(incident.begin, incident.end + LIFETIME),
        (Kind::Refuses(_) | Kind::RefusesAndOneRequestHangs(_), Class::Refused) => {
            during(incident.begin, accepted_from(incident))
        }
        (Kind::RefusesWhileIll(..), Class::Refused | Class::TimedOut) if !failure.rotates => {
            during(incident.begin, incident.end + BACKOFF)
        }
        (Kind::Restart | Kind::ConnectionsEnded | Kind::NetworkDown, Class::Lost)
        | (Kind::NetworkSilent, Class::Lost | Class::TimedOut)
        | (Kind::ServerSaysControls, Class::TooBusy) => {
            during(incident.begin, incident.end + GRACE)
        }
        _ => false,
    }
}

/// When a token is forced that the server accepts, if no request fails. One that was under way brings a token that is refused, too;
/// and while keys are being rotated, the two that a login may force at once are soon spent.
fn accepted_from(incident: &Incident) -> Instant {
    let policy = RefreshPolicy::default();
    let are_both_spent = incident.refused - incident.begin > policy.initial_backoff;
    if are_both_spent {
        incident.refused + policy.rejection_interval
    } else {
        incident.refused
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
