//! What the token endpoints can do in place of issuing tokens.

use std::{fmt, time::Duration};

use entra_pg_emulator::{Control, Fault};
use entra_pg_tests::token_endpoint::{Misbehaviour, TokenEndpoint};
use fastrand::Rng;

/// A bell, a clear screen, a second line, a C1 control and a bidirectional mark.
pub(crate) const CONTROLS: &str = "no\u{7} tokens\u{1b}[2J\r\nagain\u{9b}1m \u{202e}today";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Illness {
    Fails(Fault),
    /// This status, with a header that asks for more patience than any caller has.
    Throttles(u16, &'static str),
    /// It refuses with words that a terminal would obey.
    SaysControls,
}

const ALL: [Illness; 16] = [
    Illness::Fails(Fault::BadRequest),
    Illness::Fails(Fault::InternalServerError),
    Illness::Fails(Fault::ServiceUnavailable),
    Illness::Fails(Fault::TooManyRequests {
        retry_after: Duration::from_secs(2),
    }),
    Illness::Fails(Fault::Html),
    Illness::Fails(Fault::EmptyToken),
    Illness::Fails(Fault::NoExpiry),
    Illness::Fails(Fault::Reset),
    Illness::Fails(Fault::Garbage),
    Illness::Fails(Fault::Hang),
    Illness::Throttles(429, "Retry-After: 30"),
    Illness::Throttles(503, "Retry-After: 3600"),
    Illness::Throttles(503, "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT"),
    Illness::Throttles(429, "x-ms-retry-after-ms: 3600000"),
    Illness::SaysControls,
    Illness::SaysControls,
];

impl Illness {
    pub(crate) fn draw(random: &mut Rng) -> Self {
        ALL[random.usize(..ALL.len())]
    }

    pub(crate) fn begin<'a>(
        self,
        control: &Control,
        endpoints: impl Iterator<Item = &'a TokenEndpoint>,
    ) {
        let says = match self {
            Self::Fails(fault) => return control.set_fault(Some(fault)),
            Self::Throttles(status, header) => Misbehaviour::status(status, &[header]),
            Self::SaysControls => Misbehaviour::saying(503, &[], CONTROLS),
        };
        for endpoint in endpoints {
            endpoint.misbehave(Some(says.clone()));
        }
    }

    pub(crate) fn end<'a>(
        self,
        control: &Control,
        endpoints: impl Iterator<Item = &'a TokenEndpoint>,
    ) {
        control.set_fault(None);
        for endpoint in endpoints {
            endpoint.misbehave(None);
        }
    }
}

impl fmt::Display for Illness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(fault) => fault.fmt(f),
            Self::Throttles(status, header) => write!(f, "{status}, {header}"),
            Self::SaysControls => f.write_str("control characters"),
        }
    }
}
