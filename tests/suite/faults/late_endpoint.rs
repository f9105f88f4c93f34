use std::sync::Arc;

use entra_pg_emulator::CredentialSource;
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests},
    scenarios::FaultScenario,
    token_endpoint::{Misbehaviour, TokenEndpoint},
};
use rstest::rstest;

use super::close_all;
use crate::{
    adapters::ALL,
    fixtures::{eventually, no_second_request, shared},
};

/// For one connect, on a machine that is busy with other things.
const DEADLINE: u32 = 60;

#[derive(Clone, Copy, Debug)]
enum First {
    Refuses,
    Resets,
    Returns(u16),
}

impl First {
    fn endpoint(self) -> TokenEndpoint {
        let twice = |misbehaviour| [Misbehaviour::clone(&misbehaviour), misbehaviour];
        match self {
            Self::Refuses => TokenEndpoint::absent(shared()),
            Self::Resets => TokenEndpoint::misbehaving(shared(), twice(Misbehaviour::Reset)),
            Self::Returns(status) => {
                let refusal = Misbehaviour::status(status, &["Retry-After: 1"]);
                TokenEndpoint::misbehaving(shared(), twice(refusal))
            }
        }
    }
}

#[rstest]
#[case::refuses(First::Refuses)]
#[case::resets(First::Resets)]
#[case::returns_404(First::Returns(404))]
#[case::returns_408(First::Returns(408))]
#[case::returns_410(First::Returns(410))]
#[case::returns_429(First::Returns(429))]
#[case::returns_500(First::Returns(500))]
#[case::returns_503(First::Returns(503))]
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_there_yet_fails_no_connect(#[case] first: First) {
    let fixtures = ALL.map(|adapter| {
        let endpoint = Arc::new(first.endpoint());
        let source = CredentialSource::ManagedIdentity;
        let entra = endpoint.entra_with(shared(), source, no_second_request());
        let fixture = AdapterFixture::with(shared(), adapter, entra, Requests::default());
        (fixture.within(DEADLINE), endpoint)
    });
    let opening = fixtures.map(|(mut fixture, endpoint)| {
        tokio::spawn(async move {
            let (name, tokens) = (fixture.name, fixture.tokens());
            let late = async {
                let failures = || tokens.status().failures;
                eventually("it is asked again", async || failures() >= 2).await;
                endpoint.listen();
            };
            let open = async {
                fixture
                    .open()
                    .await
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            };
            match first {
                First::Refuses => drop(tokio::join!(open, late)),
                _ => open.await,
            }
            fixture.begin();
            fixture.operate().await.expect(name);
            let expected = if matches!(first, First::Refuses) {
                1
            } else {
                3
            };
            assert_eq!(endpoint.connections(), expected, "{name}: one at a time");
            fixture.record(FaultScenario::LateEndpoint, &format!("{first:?}"), "");
            fixture
        })
    });
    let mut opened = Vec::new();
    for fixture in opening {
        opened.push(fixture.await.expect("no panic"));
    }
    close_all(opened).await;
}
