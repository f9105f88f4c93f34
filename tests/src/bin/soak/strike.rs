//! What a fault does to the emulator, to the token endpoints and to the network.

use std::time::Duration;

use entra_pg_emulator::Control;
use entra_pg_tests::{
    relay::{Relay, RelayMode},
    token_endpoint::{Misbehaviour, TokenEndpoint},
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    incident::{Incident, Kind, LIFETIME, Refusal},
    load::Player,
};

/// The answer of a server that is too busy to begin with TLS: an error's severity, code and message, with a bell, a clear
/// screen and a second line.
pub(crate) const TOO_BUSY: &[u8] =
    b"E\0\0\0\x40SFATAL\0C53300\0Msorry,\x07 too many clients\x1b[2J\r\nalready today\0\0";

/// What can be struck.
pub(crate) struct Victims<'a> {
    pub(crate) control: &'a Control,
    pub(crate) relay: &'a Relay,
    /// How the relay leads to the server.
    pub(crate) server: RelayMode,
    pub(crate) players: &'a [Player],
}

impl Victims<'_> {
    /// Lets it strike, and ends it.
    pub(crate) async fn strike(&self, kind: Kind, time: Duration) -> Result<Incident, String> {
        let begin = Instant::now();
        let mut expiries = self.expiries();
        if let Some(illness) = kind.illness() {
            illness.begin(self.control, self.endpoints());
        }
        if kind == Kind::OneRequestHangs || matches!(kind, Kind::RefusesAndOneRequestHangs(_)) {
            for endpoint in self.endpoints() {
                endpoint.misbehave_once(Misbehaviour::Hang);
            }
        }
        if let Some(refusal) = kind.refusal() {
            self.refuse(refusal).await?;
        }
        let refused = Instant::now();
        match kind {
            Kind::EndpointIll(_) | Kind::RefusesWhileIll(..) => sleep(time).await,
            Kind::EndpointIsSlow => {
                self.control.set_latency(time / 2);
                sleep(time).await;
                self.control.set_latency(Duration::ZERO);
            }
            Kind::IllPastExpiry(_) => {
                // A request that had just been sent may still bring a token.
                sleep(Duration::from_millis(500)).await;
                expiries = self.expiries();
                let last = expiries.iter().map(|(_, expiry)| *expiry).max();
                sleep_until(last.unwrap_or(begin) + time / 2).await;
            }
            Kind::OneRequestHangs | Kind::RefusesAndOneRequestHangs(_) => self.all_hang().await?,
            Kind::LoginsAreSlow => {
                self.control.set_login_latency(time / 4);
                sleep(time).await;
                self.control.set_login_latency(Duration::ZERO);
            }
            Kind::Refuses(_) => {}
            Kind::Restart => self.control.restart_postgres().await.map_err(failed)?,
            Kind::ConnectionsEnded => {
                let ended = self.control.terminate_connections().await;
                ended.map_err(failed)?;
            }
            Kind::ServerSaysControls => self.network(RelayMode::Says(TOO_BUSY), time / 2).await,
            Kind::NetworkDown => {
                self.relay.set(RelayMode::Close);
                self.relay.cut();
                self.network(RelayMode::Close, time / 2).await;
            }
            Kind::NetworkSilent => {
                self.network(RelayMode::Silent, time / 2).await;
                // Connections without a response end.
                self.relay.cut();
            }
        }
        if let Some(illness) = kind.illness() {
            illness.end(self.control, self.endpoints());
        }
        Ok(Incident {
            kind,
            begin,
            end: Instant::now(),
            refused,
            expiries,
        })
    }

    async fn refuse(&self, refusal: Refusal) -> Result<(), String> {
        match refusal {
            Refusal::IdentityRevoked => self.control.revoke("app").map_err(failed),
            Refusal::KeysRotated => self.control.rotate_keys().await.map_err(failed),
        }
    }

    async fn network(&self, mode: RelayMode, time: Duration) {
        self.relay.set(mode);
        sleep(time).await;
        self.relay.set(self.server);
    }

    /// Waits until a request of each adapter has been kept waiting.
    async fn all_hang(&self) -> Result<(), String> {
        let asked = async {
            while self.endpoints().any(TokenEndpoint::is_about_to_misbehave) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let asked = timeout(LIFETIME * 2, asked).await;
        asked.map_err(|_| "a token expired, and no request was sent".to_owned())
    }

    fn endpoints(&self) -> impl Iterator<Item = &TokenEndpoint> {
        self.players.iter().map(|player| &player.endpoint)
    }

    fn expiries(&self) -> Vec<(&'static str, Instant)> {
        let players = self.players.iter();
        players
            .map(|player| (player.name, player.expiry()))
            .collect()
    }
}

fn failed(error: entra_pg_emulator::Error) -> String {
    format!("the emulator failed: {error}")
}
