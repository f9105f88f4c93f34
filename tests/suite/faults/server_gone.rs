use std::time::Duration;

use entra_pg_emulator::Emulator;
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, operation},
    relay::{Relay, RelayMode},
    scenarios::FaultScenario,
};
use futures::future::join_all;

use super::{close_all, each, healed, open_all, opened, start, stop, took};
use crate::adapters::ALL;

const LIFETIME: Duration = Duration::from_secs(3_600);

/// Several connections of each, so that there is something to end.
async fn fill(fixtures: &[AdapterFixture]) {
    for fixture in fixtures {
        let held = join_all((0..3).map(|_| operation(fixture.opened()))).await;
        assert!(held.iter().all(Result::is_ok), "{}", fixture.name);
    }
}

async fn all_heal(fixtures: Vec<AdapterFixture>, case: &'static str) -> Vec<AdapterFixture> {
    each(fixtures, move |mut fixture: AdapterFixture| async move {
        let wait = healed(&mut fixture).await;
        let failed = fixture.stats.errors.len();
        for _ in 0..3 {
            let _ = fixture.operate().await;
        }
        let name = fixture.name;
        assert_eq!(
            fixture.stats.errors.len(),
            failed,
            "{name} does not stay well: {fixture:?}"
        );
        // A connection that died in the pool costs its user one operation, at most each one that there was.
        assert!(failed <= 8, "{fixture:?}");
        assert_eq!(fixture.requests_since(), 0, "{name}");
        fixture.record(FaultScenario::ServerGone, case, took(case, wait));
        fixture
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_heal_after_a_restart_and_after_losing_all_connections() {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    let fixtures = open_all(&emulator, &ALL).await;
    fill(&fixtures).await;
    control.restart_postgres().await.expect("restarts");
    let mut fixtures = all_heal(fixtures, "restart").await;
    fill(&fixtures).await;
    for fixture in &mut fixtures {
        fixture.begin();
    }
    control.terminate_connections().await.expect("drops");
    let fixtures = all_heal(fixtures, "all ended").await;
    close_all(fixtures).await;
    stop(emulator).await;
}

/// The name and the port stay; what is behind them goes away, refuses for a while, and is then another address.
#[tokio::test(flavor = "multi_thread")]
async fn pools_heal_after_a_failover_to_another_address() {
    let emulator = start(LIFETIME).await;
    let (first, second) = addresses(&emulator).await;
    let relay = Relay::start(RelayMode::Forward(first)).await;
    let fixtures =
        ALL.map(|adapter| AdapterFixture::new(&emulator, adapter).through(&emulator, relay.port()));
    let fixtures = opened(fixtures.into()).await;
    fill(&fixtures).await;
    relay.set(RelayMode::Close);
    relay.cut();
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        // Without a server it fails in time.
        let error = fixture.operate().await.expect_err(fixture.name);
        assert!(!error.is_empty());
        fixture.begin();
        fixture
    })
    .await;
    relay.set(RelayMode::Forward(second));
    let fixtures = all_heal(fixtures, "failover").await;
    close_all(fixtures).await;
    stop(emulator).await;
}

/// The server listens on two where there is IPv6.
async fn addresses(emulator: &Emulator) -> (std::net::SocketAddr, std::net::SocketAddr) {
    let (v4, v6) = (
        std::net::SocketAddr::from(([127, 0, 0, 1], emulator.port())),
        std::net::SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], emulator.port())),
    );
    match tokio::net::TcpStream::connect(v6).await {
        Ok(_) => (v4, v6),
        Err(_) => (v4, v4),
    }
}
