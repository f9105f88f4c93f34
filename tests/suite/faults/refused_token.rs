use std::{sync::Arc, time::Duration};

use entra_pg_core::{Entra, ErrorKind};
use entra_pg_emulator::{Control, CredentialSource, Fault};
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests},
    scenarios::FaultScenario,
};
use rstest::rstest;
use tokio::sync::Barrier;

use super::{close_all, each, healed, opened, start, stop, took};
use crate::{adapters::per_connection, fixtures::eventually};

/// Below 300 s, within which a credential of the Azure SDK asks the endpoint each time; above, it would repeat itself.
const LIFETIME: Duration = Duration::from_secs(240);

#[derive(Clone, Copy, Debug)]
enum Cause {
    IdentityRevoked,
    KeysRotated,
}

impl Cause {
    async fn strike(self, control: &Control) {
        match self {
            Self::IdentityRevoked => control.revoke("app").expect("a role"),
            Self::KeysRotated => control.rotate_keys().await.expect("a new key"),
        }
    }
}

#[rstest]
#[case(Cause::IdentityRevoked)]
#[case(Cause::KeysRotated)]
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_by_one_request_and_one_login(#[case] cause: Cause) {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    // One after another: the server's count of refused logins is for all of them.
    for adapter in per_connection() {
        let mut fixture = AdapterFixture::new(&emulator, adapter);
        let name = fixture.name;
        fixture.open().await.expect(name);
        // So that the connection which `open` made is not what serves the next operation.
        fixture.operate().await.expect(name);
        cause.strike(control).await;
        fixture.begin();
        let rejected = control.logins().rejected;
        fixture.operate().await.expect(name);
        fixture.operate().await.expect(name);
        assert_eq!(fixture.requests_since(), 1, "{name}");
        assert_eq!(
            control.logins().rejected - rejected,
            1,
            "{name}: exactly one retry"
        );
        fixture.assert_flawless();
        fixture.record(FaultScenario::RefusedToken, &format!("{cause:?}"), "");
        fixture.close().await;
    }
    stop(emulator).await;
}

/// The longest step of the backoff, and the connects beside it on a machine that is busy with other things.
const RECOVERY: Duration = Duration::from_secs(10 * 3);

#[rstest]
#[case::fails(Fault::ServiceUnavailable)]
#[case::throttles(Fault::TooManyRequests { retry_after: Duration::from_secs(3_600) })]
#[case::resets(Fault::Reset)]
#[case::hangs(Fault::Hang)]
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_as_soon_as_the_endpoint_is_well(
    #[values(Cause::IdentityRevoked, Cause::KeysRotated)] cause: Cause,
    #[case] fault: Fault,
) {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    let fixtures = per_connection().map(|adapter| {
        // One of ours: those of the Azure SDK hold a lock while a request hangs.
        let variables = emulator.environment(CredentialSource::ClientSecret);
        let entra = Entra::from_vars(variables).expect("a credential");
        AdapterFixture::with(&emulator, adapter, entra, Requests::default()).within(5)
    });
    let fixtures = opened(fixtures.collect()).await;
    control.set_fault(Some(fault));
    cause.strike(control).await;
    let (ill, well) = (
        Arc::new(Barrier::new(fixtures.len() + 1)),
        Arc::new(Barrier::new(fixtures.len() + 1)),
    );
    let suffering = tokio::spawn(each(fixtures, {
        let (ill, well) = (Arc::clone(&ill), Arc::clone(&well));
        move |mut fixture| {
            let (ill, well) = (Arc::clone(&ill), Arc::clone(&well));
            async move {
                let name = fixture.name;
                fixture.operate().await.expect_err(name);
                let asked = || fixture.status().failures > 0 || fixture.status().refreshing;
                eventually("another token was requested", async || asked()).await;
                ill.wait().await;
                well.wait().await;
                let recovered = healed(&mut fixture).await;
                assert!(recovered < RECOVERY, "{name}: {recovered:?}");
                let case = format!("{cause:?}, {fault}");
                let note = took("well again after", recovered);
                fixture.record(FaultScenario::RefusedInOutage, &case, note);
                fixture
            }
        }
    }));
    ill.wait().await;
    control.set_fault(None);
    well.wait().await;
    close_all(suffering.await.expect("no panic")).await;
    stop(emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_does_not_exist_takes_no_token_from_the_others() {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    let adapter = per_connection().next().expect("an adapter");
    let mut fixture = AdapterFixture::new(&emulator, adapter);
    fixture.open().await.expect("connects");
    fixture.operate().await.expect("connects");
    let nobody = emulator.url().replace("app@", "nobody@");
    let nobody = format!("{nobody}?sslrootcert={}", emulator.ca_file().display());
    for _ in 0..5 {
        let refused =
            entra_pg_tokio_postgres::connect_and_spawn(nobody.as_str(), &fixture.entra).await;
        refused.map(drop).expect_err("there is no such role");
    }
    fixture.begin();
    for _ in 0..3 {
        control.revoke("app").expect("a role");
        fixture.operate().await.expect("a newer token");
    }
    fixture.assert_flawless();
    fixture.close().await;
    stop(emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_back_ends_it_with_the_servers_error() {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    control.set_repeat_tokens(true);
    for adapter in per_connection() {
        let mut fixture = AdapterFixture::new(&emulator, adapter);
        let name = fixture.name;
        let first = fixture.tokens().get(Duration::from_secs(15)).await;
        first.expect("a token");
        control.revoke("app").expect("a role");
        fixture.begin();
        let error = fixture.open().await.expect_err(name);
        assert!(
            matches!(error.kind(), ErrorKind::Rejected(_)),
            "{name}: {error}"
        );
        assert_eq!(fixture.requests_since(), 1, "{name}: one forced request");
        fixture.record(
            FaultScenario::RefusedToken,
            "same token",
            "same token back: refused",
        );
        // The next adapter's identity is the same; it has to be given a token that is good.
        control.rotate_keys().await.expect("a new key");
    }
    stop(emulator).await;
}
