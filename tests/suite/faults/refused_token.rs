use std::time::Duration;

use entra_pg_core::ErrorKind;
use entra_pg_emulator::Control;
use entra_pg_tests::{adapter_fixture::AdapterFixture, scenarios::FaultScenario};
use rstest::rstest;

use super::{start, stop};
use crate::adapters::per_connection;

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

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_back_ends_it_with_the_servers_error() {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    control.repeat_tokens(true);
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
