//! What can strike, and when.

use std::{fmt, time::Duration};

use fastrand::Rng;
use tokio::time::Instant;

use crate::illness::Illness;

/// How long the tokens of a soak live.
pub(crate) const LIFETIME: Duration = Duration::from_secs(40);
/// A refresh is due when half of the life is left; an outage that is shorter than this is harmless.
const SHORT: std::ops::Range<u64> = 2_000..9_000;

/// Why the server refuses the tokens that it has seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    IdentityRevoked,
    KeysRotated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The endpoint is ill for less long than the tokens live.
    EndpointIll(Illness),
    EndpointIsSlow,
    /// The endpoint is ill until all tokens have expired, and a while longer.
    IllPastExpiry(Illness),
    /// The next request of each adapter hangs, and those after it are well.
    OneRequestHangs,
    /// The server decides about logins slowly, within the connect deadline.
    LoginsAreSlow,
    Refuses(Refusal),
    /// The endpoint is ill for as long as it takes, and the server refuses the tokens at its beginning.
    RefusesWhileIll(Refusal, Illness),
    /// The request that the refusal forces hangs, and those after it are well.
    RefusesAndOneRequestHangs(Refusal),
    Restart,
    ConnectionsEnded,
    /// Whoever asks for TLS is told something that a terminal would obey.
    ServerSaysControls,
    /// Connections break, and new ones are refused.
    NetworkDown,
    /// New connections are accepted and get no response.
    NetworkSilent,
}

impl Kind {
    /// What the token endpoint does meanwhile.
    pub(crate) fn illness(self) -> Option<Illness> {
        match self {
            Self::EndpointIll(ill) | Self::IllPastExpiry(ill) | Self::RefusesWhileIll(_, ill) => {
                Some(ill)
            }
            _ => None,
        }
    }

    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Refuses(refusal)
            | Self::RefusesWhileIll(refusal, _)
            | Self::RefusesAndOneRequestHangs(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdentityRevoked => "identity revoked",
            Self::KeysRotated => "keys rotated",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::EndpointIll(illness) => return write!(f, "token endpoint: {illness}"),
            Self::IllPastExpiry(illness) => {
                return write!(f, "token endpoint past expiry: {illness}");
            }
            Self::Refuses(refusal) => return write!(f, "server: {refusal}"),
            Self::RefusesWhileIll(refusal, illness) => {
                return write!(f, "server: {refusal}, and token endpoint: {illness}");
            }
            Self::RefusesAndOneRequestHangs(refusal) => {
                return write!(f, "server: {refusal}, and one request hangs");
            }
            Self::EndpointIsSlow => "token endpoint: slow",
            Self::OneRequestHangs => "token endpoint: one request hangs",
            Self::LoginsAreSlow => "server: slow logins",
            Self::Restart => "server: restarted",
            Self::ConnectionsEnded => "server: all connections ended",
            Self::ServerSaysControls => "server: control characters",
            Self::NetworkDown => "network: down",
            Self::NetworkSilent => "network: silent",
        };
        f.write_str(name)
    }
}

/// One fault, from when to when.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) kind: Kind,
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
    /// The tokens that were issued until then are refused, if it is a fault of that kind.
    pub(crate) refused: Instant,
    /// When the token expired that each adapter held as it began.
    pub(crate) expiries: Vec<(&'static str, Instant)>,
}

/// What strikes next, and for how long. The sequence depends on the seed alone.
pub(crate) fn next(random: &mut Rng) -> (Kind, Duration) {
    let illness = Illness::draw(random);
    let refusal = if random.bool() {
        Refusal::IdentityRevoked
    } else {
        Refusal::KeysRotated
    };
    let time = Duration::from_millis(random.u64(SHORT));
    let kind = match random.u32(..22) {
        0..=4 => Kind::EndpointIll(illness),
        5 => Kind::EndpointIsSlow,
        6 | 7 => Kind::IllPastExpiry(illness),
        8 => Kind::OneRequestHangs,
        9 => Kind::LoginsAreSlow,
        10 | 11 => Kind::Refuses(refusal),
        12 | 13 => Kind::RefusesWhileIll(refusal, illness),
        14 => Kind::RefusesAndOneRequestHangs(refusal),
        15 | 16 => Kind::Restart,
        17 | 18 => Kind::ConnectionsEnded,
        19 => Kind::ServerSaysControls,
        20 => Kind::NetworkDown,
        _ => Kind::NetworkSilent,
    };
    (kind, time)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_and_each_kind_is_drawn() {
        let sequence = |seed| {
            let mut random = Rng::with_seed(seed);
            std::array::from_fn::<_, 400, _>(|_| next(&mut random))
        };
        assert_eq!(sequence(777_777), sequence(777_777));
        assert_ne!(sequence(1), sequence(2));
        let drawn: BTreeSet<_> = sequence(1)
            .iter()
            .map(|(kind, _)| std::mem::discriminant(kind))
            .map(|kind| format!("{kind:?}"))
            .collect();
        assert_eq!(drawn.len(), 13);
    }
}
