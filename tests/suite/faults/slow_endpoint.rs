use std::time::Duration;

use entra_pg_tests::{adapter_fixture::AdapterFixture, scenarios::FaultScenario};
use tokio::time::{Instant, sleep};

use super::{BETWEEN_OPERATIONS, close_all, each, open_all, start, stop, took};
use crate::adapters::ALL;

/// From about 20 s to 34 s of its age a refresh of the token is under way.
const LIFETIME: Duration = Duration::from_secs(40);
const LATENCY: Duration = Duration::from_secs(10);
/// In its last moments (a quarter of the time since the refresh was due) a caller may wait.
const LAST_MOMENTS: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_delays_no_operation_while_the_token_lives() {
    let emulator = start(LIFETIME).await;
    let fixtures = open_all(&emulator, &ALL).await;
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        for _ in 0..3 {
            let _ = fixture.operate().await;
        }
        fixture
    })
    .await;
    emulator.control().set_latency(LATENCY);
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        fixture.assert_flawless();
        let before = fixture.stats.longest;
        fixture.begin();
        let (end, mut meanwhile) = (fixture.expiry() - LAST_MOMENTS, 0);
        while Instant::now() < end {
            let refreshing = || fixture.status().refreshing;
            let already = refreshing();
            let requests = fixture.requests.count();
            let _ = fixture.operate().await;
            let same_request = fixture.requests.count() == requests;
            if already && same_request && fixture.status().refreshing {
                meanwhile += 1;
            }
            sleep(BETWEEN_OPERATIONS).await;
        }
        let name = fixture.name;
        fixture.assert_flawless();
        assert_eq!(fixture.requests_since(), 1, "{name}: one refresh");
        assert!(
            meanwhile > 0,
            "{name}: every operation waited for the refresh"
        );
        assert!(fixture.stats.longest < LATENCY, "{fixture:?}");
        let note = format!(
            "{meanwhile} of them during the request; {}",
            took("longest before", before)
        );
        fixture.record(FaultScenario::SlowEndpoint, "slow", note);
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}
