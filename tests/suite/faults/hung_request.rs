use std::{sync::Arc, time::Duration};

use entra_pg_emulator::CredentialSource;
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests},
    scenarios::FaultScenario,
    token_endpoint::{Misbehaviour, TokenEndpoint},
};
use rstest::rstest;
use tokio::time::Instant;

use super::{close_all, took};
use crate::{adapters::ALL, fixtures::shared};

const DEADLINE: u32 = 60;
/// What a request over HTTP is given. The first one of each test hangs for so long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[rstest]
#[case::app_service(CredentialSource::ManagedIdentity, 1)]
#[case::virtual_machine(CredentialSource::Imds, 1)]
#[case::two_requests(CredentialSource::ManagedIdentity, 2)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_hangs_does_not_hold_everybody(
    #[case] source: CredentialSource,
    #[case] hanging: usize,
) {
    let opening = ALL.map(|adapter| {
        let endpoint = Arc::new(TokenEndpoint::misbehaving(
            shared(),
            vec![Misbehaviour::Hang; hanging],
        ));
        let entra = endpoint.entra(shared(), source);
        let mut fixture = AdapterFixture::with(shared(), adapter, entra, Requests::default());
        fixture = fixture.within(DEADLINE);
        tokio::spawn(async move {
            let (name, begun) = (fixture.name, Instant::now());
            let opened = fixture.open().await;
            opened.unwrap_or_else(|error| panic!("{name}: {error}"));
            let waited = begun.elapsed();
            assert!(waited < REQUEST_TIMEOUT, "{name}: {waited:?}");
            fixture.begin();
            fixture.operate().await.expect(name);
            assert!(endpoint.connections() > hanging as u64, "{name}");
            let case = format!("{hanging} hanging, {source:?}");
            fixture.record(
                FaultScenario::HungRequest,
                &case,
                took("ready after", waited),
            );
            fixture
        })
    });
    let mut opened = Vec::new();
    for fixture in opening {
        opened.push(fixture.await.expect("no panic"));
    }
    close_all(opened).await;
}
