use std::time::Duration;

use entra_pg_emulator::Fault;
use entra_pg_tests::{
    adapter_fixture::AdapterFixture,
    relay::{Relay, RelayMode},
    scenarios::{FaultScenario, pool_hides_cause},
};
use rstest::rstest;

use super::{close_all, each, opened, start, stop};
use crate::adapters::{ALL, NamedAdapter};

fn hiding() -> impl Iterator<Item = NamedAdapter> {
    ALL.into_iter().filter(|adapter| pool_hides_cause(*adapter))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    NoToken,
    LoginRefused,
    ServerHangsUp,
}

impl Cause {
    fn messages(self) -> [&'static str; 2] {
        match self {
            Self::NoToken => ["token failed", "503"],
            Self::LoginRefused => ["connection failed", "refused the login of \"app\""],
            Self::ServerHangsUp => ["connection failed", "TLS handshake"],
        }
    }
}

#[rstest]
#[case(Cause::NoToken)]
#[case(Cause::LoginRefused)]
#[case(Cause::ServerHangsUp)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_whose_connects_all_fail_lets_its_user_know_why(#[case] cause: Cause) {
    let lifetime = if cause == Cause::NoToken { 6 } else { 3_600 };
    let emulator = start(Duration::from_secs(lifetime)).await;
    let control = emulator.control();
    let server = RelayMode::Forward(([127, 0, 0, 1], emulator.port()).into());
    let relay = Relay::start(server).await;
    let fixtures = hiding()
        .map(|adapter| AdapterFixture::new(&emulator, adapter).through(&emulator, relay.port()));
    let fixtures = opened(fixtures.collect()).await;
    match cause {
        Cause::NoToken => control.set_fault(Some(Fault::ServiceUnavailable)),
        Cause::LoginRefused => {
            let sql = "ALTER ROLE app NOLOGIN";
            control
                .execute(sql)
                .await
                .expect("the role loses its login");
        }
        Cause::ServerHangsUp => relay.set(RelayMode::HangUp),
    }
    let fixtures = each(fixtures, move |mut fixture: AdapterFixture| async move {
        let name = fixture.name;
        if cause == Cause::NoToken {
            tokio::time::sleep_until(fixture.expiry() + Duration::from_millis(500)).await;
        }
        let error = fixture.operate().await.expect_err(name);
        for part in cause.messages() {
            assert!(
                error.contains(part),
                "{name}: {part:?} is missing in {error}"
            );
        }
        fixture.record(FaultScenario::EveryConnectFails, &format!("{cause:?}"), "");
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}
