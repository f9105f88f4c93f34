//! What libraries do that we can neither prevent nor bound: the only deviations with which `just attack` ends well.
//!
//! An entry must happen as it says, unless that depends on the machine's speed. One that no longer does is out of date, and fails
//! the run as much as a deviation that is not listed.

use super::{
    fault::Fault::{self, Kind, Time, TokenUnasked, Words},
    seen::{HANGS, OUT_OF_MEMORY, Seen},
};

struct Accepted {
    victims: Victims,
    modes: &'static [&'static str],
    /// The code, or the doctor's check, in place of the right one.
    codes: &'static [&'static str],
    faults: &'static [Fault],
    /// Whether a fast machine may not show it.
    depends_on_speed: bool,
    reason: &'static str,
}

enum Victims {
    All,
    These(&'static [&'static str]),
}

const ACCEPTED: &[Accepted] = &[
    Accepted {
        victims: Victims::These(&["sqlx", "SeaORM", "sqlx 0.8", "SeaORM 1.1"]),
        modes: &[
            "HTTP after the handshake",
            "HTTP at the startup packet",
            "a message of 2 GB",
            "a notice of 2 GB that comes",
            "a message of -1 bytes",
        ],
        codes: &[OUT_OF_MEMORY],
        faults: &[Kind, Words],
        depends_on_speed: false,
        reason: "sqlx allocates what a message claims, and fills it with zeros, before it comes (docs/threat-model.md)",
    },
    Accepted {
        victims: Victims::All,
        modes: &["an intermediate may not sign that"],
        codes: &["rejected", "login"],
        faults: &[Kind, Words, TokenUnasked],
        depends_on_speed: false,
        reason: "webpki 0.103 does not look at an authority's key usage (mended by rustls/webpki#510, not yet released)",
    },
    Accepted {
        victims: Victims::All,
        modes: &[
            "endpoint: only preliminary answers",
            "metadata endpoint: only preliminary answers",
            "Entra: only preliminary answers",
        ],
        // A debug build of hyper may read for longer than the minute after which a victim is killed.
        codes: &["token-timeout", "token-request", "token", HANGS],
        faults: &[Kind, Words, Time],
        depends_on_speed: true,
        reason: "hyper reads preliminary answers without a pause, for as long as the request may take (docs/threat-model.md)",
    },
];

/// What to make of what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    /// It does not, for this reason.
    Accepted(&'static str),
    Fails,
    /// It holds, though it is listed as what does not, for this reason.
    Outdated(&'static str),
}

impl Seen {
    pub fn verdict(&self) -> Verdict {
        match ACCEPTED.iter().find(|entry| entry.concerns(self)) {
            None if self.faults.is_empty() => Verdict::Holds,
            // On a busy machine the deadline can come first.
            Some(_) if self.faults.is_empty() && self.code == "connect-timeout" => Verdict::Holds,
            Some(entry) if self.faults.is_empty() && entry.depends_on_speed => Verdict::Holds,
            Some(entry) if self.faults.is_empty() => Verdict::Outdated(entry.reason),
            Some(entry) if entry.explains(self) => Verdict::Accepted(entry.reason),
            _ => Verdict::Fails,
        }
    }
}

impl Accepted {
    fn concerns(&self, seen: &Seen) -> bool {
        let this_one = match self.victims {
            Victims::All => true,
            Victims::These(names) => names.contains(&seen.victim),
        };
        this_one && self.modes.contains(&seen.mode.as_str())
    }

    /// Whether it is what was seen, and nothing else was.
    fn explains(&self, seen: &Seen) -> bool {
        let mut faults = seen.faults.iter();
        faults.all(|fault| self.faults.contains(fault)) && self.codes.contains(&seen.code.as_str())
    }
}
