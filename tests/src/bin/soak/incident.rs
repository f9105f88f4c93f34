//! What can strike, and what it does to the emulator and to the network.

use std::{fmt, time::Duration};

use entra_pg_emulator::{Control, Fault};
use entra_pg_tests::relay::{Relay, RelayMode};
use fastrand::Rng;
use tokio::time::{Instant, sleep};

/// How long the tokens of a soak live.
pub(crate) const LIFETIME: Duration = Duration::from_secs(40);
/// A refresh is due when half of the life is left; an outage that is shorter than this is harmless.
const SHORT: std::ops::Range<u64> = 2_000..9_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The endpoint fails for less long than the tokens live.
    EndpointFails(Fault),
    EndpointIsSlow,
    /// The endpoint fails until all tokens have expired, and a while longer.
    OutagePastExpiry,
    /// The server decides about logins slowly, within the connect deadline.
    LoginsAreSlow,
    IdentityRevoked,
    KeysRotated,
    Restart,
    ConnectionsEnded,
    /// Connections break, and new ones are refused.
    NetworkDown,
    /// New connections are accepted and get no response.
    NetworkSilent,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::EndpointFails(fault) => return write!(f, "token endpoint: {fault}"),
            Self::EndpointIsSlow => "token endpoint: slow",
            Self::OutagePastExpiry => "token endpoint: down past expiry",
            Self::LoginsAreSlow => "server: slow logins",
            Self::IdentityRevoked => "server: identity revoked",
            Self::KeysRotated => "server: keys rotated",
            Self::Restart => "server: restarted",
            Self::ConnectionsEnded => "server: all connections ended",
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
    /// When the token that each adapter held expired, if the outage was to last for longer.
    pub(crate) expiries: Vec<(&'static str, Instant)>,
}

/// What strikes next. The sequence depends on the seed alone.
pub(crate) fn next(random: &mut Rng) -> (Kind, Duration) {
    let faults = [
        Fault::BadRequest,
        Fault::InternalServerError,
        Fault::ServiceUnavailable,
        Fault::TooManyRequests {
            retry_after: Duration::from_secs(2),
        },
        Fault::Html,
        Fault::EmptyToken,
        Fault::NoExpiry,
        Fault::Reset,
        Fault::Garbage,
    ];
    let fault = faults[random.usize(..faults.len())];
    let time = Duration::from_millis(random.u64(SHORT));
    let kind = match random.u32(..16) {
        0..=4 => Kind::EndpointFails(fault),
        5 => Kind::EndpointIsSlow,
        6 => Kind::OutagePastExpiry,
        7 => Kind::LoginsAreSlow,
        8 => Kind::IdentityRevoked,
        9 => Kind::KeysRotated,
        10 | 11 => Kind::Restart,
        12 | 13 => Kind::ConnectionsEnded,
        14 => Kind::NetworkDown,
        _ => Kind::NetworkSilent,
    };
    (kind, time)
}

/// Lets it strike, and ends it. `expiries` returns when the tokens that are held expire.
pub(crate) async fn strike(
    kind: Kind,
    time: Duration,
    control: &Control,
    relay: &Relay,
    server: RelayMode,
    expiries: impl Fn() -> Vec<(&'static str, Instant)>,
) -> Result<Incident, String> {
    let (begin, mut expire) = (Instant::now(), Vec::new());
    let failed = |error: entra_pg_emulator::Error| format!("the emulator failed: {error}");
    match kind {
        Kind::EndpointFails(fault) => {
            control.set_fault(Some(fault));
            sleep(time).await;
            control.set_fault(None);
        }
        Kind::EndpointIsSlow => {
            control.set_latency(time / 2);
            sleep(time).await;
            control.set_latency(Duration::ZERO);
        }
        Kind::OutagePastExpiry => {
            control.set_fault(Some(Fault::ServiceUnavailable));
            // A request that had just been sent may still bring a token.
            sleep(Duration::from_millis(500)).await;
            expire = expiries();
            let last = expire.iter().map(|(_, expiry)| *expiry).max();
            tokio::time::sleep_until(last.unwrap_or(begin) + time / 2).await;
            control.set_fault(None);
        }
        Kind::LoginsAreSlow => {
            control.set_login_latency(time / 4);
            sleep(time).await;
            control.set_login_latency(Duration::ZERO);
        }
        Kind::IdentityRevoked => control.revoke("app").map_err(failed)?,
        Kind::KeysRotated => control.rotate_keys().await.map_err(failed)?,
        Kind::Restart => control.restart_postgres().await.map_err(failed)?,
        Kind::ConnectionsEnded => control.terminate_connections().await.map_err(failed)?,
        Kind::NetworkDown | Kind::NetworkSilent => {
            let silent = kind == Kind::NetworkSilent;
            relay.set(if silent {
                RelayMode::Silent
            } else {
                RelayMode::Close
            });
            if !silent {
                relay.cut();
            }
            sleep(time / 2).await;
            relay.set(server);
            // Connections without a response end.
            relay.cut();
        }
    }
    Ok(Incident {
        kind,
        begin,
        end: Instant::now(),
        expiries: expire,
    })
}
