use std::{sync::Arc, time::Duration};

use entra_pg_emulator::CredentialSource;
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests},
    scenarios::{FaultScenario, pool_hides_cause},
    token_endpoint::{Misbehaviour, TokenEndpoint, WORDS},
};
use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::{close_all, took};
use crate::{
    adapters::{ALL, named},
    fixtures::{no_second_request, shared},
};

/// Of a connect. One that waits for the endpoint's sake takes as long.
const DEADLINE: Duration = Duration::from_secs(40);
/// The longest step of the backoff.
const LONGEST_STEP: Duration = Duration::from_secs(10);

#[rstest]
#[case::answers_429(429, "Retry-After: 3600")]
#[case::answers_503(503, "Retry-After: 3600")]
#[case::until_a_date(429, "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT")]
#[case::in_milliseconds(429, "retry-after-ms: 3600000")]
#[case::in_microsofts_milliseconds(503, "x-ms-retry-after-ms: 3600000")]
#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_stalls_no_connect_and_is_over_when_the_endpoint_is_well(
    #[case] status: u16,
    #[case] header: &'static str,
) {
    let fixtures = ALL.map(|adapter| {
        let endpoint = Arc::new(TokenEndpoint::misbehaving(shared(), []));
        endpoint.misbehave(Some(Misbehaviour::status(status, &[header])));
        let source = CredentialSource::ManagedIdentity;
        let entra = endpoint.entra_with(shared(), source, no_second_request());
        let fixture = AdapterFixture::with(shared(), adapter, entra, Requests::default());
        let seconds = u32::try_from(DEADLINE.as_secs()).expect("few");
        (fixture.within(seconds), endpoint)
    });
    let suffering = fixtures.map(|(mut fixture, endpoint)| {
        tokio::spawn(async move {
            let (name, begun) = (fixture.name, Instant::now());
            let error = fixture.open().await.expect_err(name).to_string();
            for part in [&format!("HTTP {status}"), WORDS] {
                assert!(error.contains(part), "{name}: {error}");
            }
            // A pool of bb8 connects again and again, until its own 20 s are over.
            if !pool_hides_cause(named(name)) {
                assert!(
                    begun.elapsed() < DEADLINE / 2,
                    "{name}: {:?}",
                    begun.elapsed()
                );
                assert_eq!(endpoint.connections(), 1, "{name}");
            }
            endpoint.misbehave(None);
            let well = Instant::now();
            fixture.begin();
            while let Err(error) = fixture.open().await {
                assert!(well.elapsed() < LONGEST_STEP * 3, "{name}: {error}");
                sleep(Duration::from_millis(100)).await;
            }
            let recovered = took("well again after", well.elapsed());
            fixture.operate().await.expect(name);
            fixture.record(
                FaultScenario::Throttle,
                &format!("{status} {header}"),
                recovered,
            );
            fixture
        })
    });
    let mut opened = Vec::new();
    for fixture in suffering {
        opened.push(fixture.await.expect("no panic"));
    }
    close_all(opened).await;
}
