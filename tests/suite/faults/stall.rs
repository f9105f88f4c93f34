use std::time::Duration;

use entra_pg_core::ErrorKind;
use entra_pg_tests::{
    adapter_fixture::AdapterFixture,
    relay::{Relay, RelayMode},
    scenarios::FaultScenario,
};
use rstest::rstest;
use tokio::time::Instant;

use super::{close_all, each, fetches_per_connection, healed, opened, start, stop};
use crate::{adapters::ALL, fixtures::shared};

/// For one connect. bb8 tries again until its own 20 s are over; sqlx and SeaORM have limits of their own, of up to 30 s, and look
/// for the cause afterwards, for 5 s.
const DEADLINE: u32 = 5;
/// For a pool that would be wedged.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    AfterAccept,
    InTheHandshake,
    InAuthentication,
}

impl Stall {
    fn phase(self) -> &'static str {
        match self {
            Self::AfterAccept => "the TCP connection",
            Self::InTheHandshake => "the TLS handshake",
            Self::InAuthentication => "authentication",
        }
    }

    /// Where connections lead; a stalled login is the emulator's part.
    fn mode(self, server: RelayMode) -> RelayMode {
        match self {
            Self::AfterAccept => RelayMode::Silent,
            Self::InTheHandshake => RelayMode::SilentAfterTls,
            Self::InAuthentication => server,
        }
    }
}

#[rstest]
#[case(Stall::AfterAccept)]
#[case(Stall::InTheHandshake)]
#[case(Stall::InAuthentication)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_given_up_in_time_and_wedges_no_pool(#[case] stall: Stall) {
    let emulator = start(Duration::from_secs(3_600)).await;
    let server = RelayMode::Forward(([127, 0, 0, 1], emulator.port()).into());
    let relay = Relay::start(server).await;
    let fixtures = ALL.map(|adapter| {
        AdapterFixture::new(&emulator, adapter)
            .through(&emulator, relay.port())
            .within(DEADLINE)
    });
    let fixtures = opened(fixtures.into()).await;
    relay.set(stall.mode(server));
    if stall == Stall::InAuthentication {
        emulator
            .control()
            .set_login_latency(Duration::from_secs(3_600));
    }
    let fixtures = each(fixtures, move |mut fixture: AdapterFixture| async move {
        let (name, started) = (fixture.name, Instant::now());
        let error = fixture.operate().await.expect_err(name);
        assert!(started.elapsed() < LIMIT, "{name}: {:?}", started.elapsed());
        // sqlx does not report how far it came.
        let names_phase = error.contains(stall.phase()) || !fetches_per_connection(name);
        assert!(names_phase, "{name}: {error}");
        assert_eq!(fixture.requests_since(), 0, "{name}");
        fixture
    })
    .await;
    relay.set(server);
    emulator.control().set_login_latency(Duration::ZERO);
    let fixtures = each(fixtures, move |mut fixture: AdapterFixture| async move {
        let given_up = fixture.stats.longest;
        healed(&mut fixture).await;
        fixture.stats.longest = given_up;
        fixture.record(FaultScenario::Stall, &format!("{stall:?}"), "");
        fixture
    })
    .await;
    close_all(fixtures).await;
    drop(relay);
    stop(emulator).await;
}

#[rstest]
#[case(RelayMode::Silent)]
#[case(RelayMode::SilentAfterTls)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_at_a_start_gives_the_same_error_in_every_adapter(
    #[case] mode: RelayMode,
) {
    let relay = Relay::start(mode).await;
    let emulator = shared();
    let fixtures = ALL.map(|adapter| {
        AdapterFixture::new(emulator, adapter)
            .through(emulator, relay.port())
            .within(DEADLINE)
    });
    each(fixtures.into(), async |mut fixture: AdapterFixture| {
        let (name, started) = (fixture.name, Instant::now());
        let error = fixture.open().await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{name}: {error}");
        assert!(started.elapsed() < LIMIT, "{name}: {:?}", started.elapsed());
        fixture
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_is_not_called_an_impostor() {
    let relay = Relay::start(RelayMode::HangUp).await;
    let emulator = shared();
    let fixtures = ALL.map(|adapter| {
        AdapterFixture::new(emulator, adapter)
            .through(emulator, relay.port())
            .within(DEADLINE)
    });
    each(fixtures.into(), async |mut fixture: AdapterFixture| {
        let name = fixture.name;
        let error = fixture.open().await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Connect, "{name}: {error}");
        assert!(error.is_transient(), "{name}: {error}");
        fixture
    })
    .await;
}
