use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use entra_pg_core::Entra;
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests, operation},
    scenarios::FaultScenario,
};
use futures::FutureExt;
use tokio::{
    sync::Semaphore,
    time::{sleep_until, timeout},
};

use super::{close_all, each, healed, opened, start, stop};
use crate::{
    adapters::ALL,
    fixtures::{eventually, no_second_request},
};

const LIFETIME: Duration = Duration::from_secs(20);
const TIMES: usize = 1_000;

/// The real credential, behind a gate that lets one request pass, and another for each permit.
#[derive(Debug)]
struct Gated {
    credential: Arc<dyn TokenCredential>,
    gate: Arc<Semaphore>,
    asked: Requests,
}

#[async_trait]
impl TokenCredential for Gated {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.asked.add();
        self.gate
            .acquire()
            .await
            .expect("it is never closed")
            .forget();
        self.credential.get_token(scopes, options).await
    }
}

/// Each of the 1,000 asks for a connection while the token has expired and its refresh is under way, and goes away.
#[tokio::test(flavor = "multi_thread")]
async fn giving_up_on_a_refresh_neither_stops_it_nor_starts_another() {
    let emulator = start(LIFETIME).await;
    // A request that is given up is replaced; here 1,000 callers give up first, however slow the machine is.
    let mut policy = no_second_request();
    policy.fetch_timeout = Duration::from_secs(3_600);
    let gates = ALL.map(|_| Arc::new(Semaphore::new(1)));
    let mut unused = gates.iter().cloned();
    let fixtures = ALL.map(|adapter| {
        let asked = Requests::default();
        let gated = Gated {
            credential: Requests::default().credential(&emulator),
            gate: unused.next().expect("one for each"),
            asked: asked.clone(),
        };
        let entra = Entra::builder()
            .credential(Arc::new(gated))
            .refresh_policy(policy.clone())
            .build()
            .expect("a provided credential is not refused");
        AdapterFixture::with(&emulator, adapter, entra, asked)
    });
    let fixtures = opened(fixtures.into()).await;
    emulator
        .control()
        .set_token_lifetime(Duration::from_secs(3_600));
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        sleep_until(fixture.expiry() + Duration::from_millis(100)).await;
        fixture.tokens().cached();
        eventually("a refresh is under way", async || {
            fixture.status().refreshing
        })
        .await;
        fixture = abandon(fixture).await;
        assert_eq!(fixture.requests.count(), 2, "{}", fixture.name);
        fixture
    })
    .await;
    for gate in gates {
        gate.add_permits(TIMES);
    }
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        let wait = healed(&mut fixture).await;
        assert_eq!(fixture.requests.count(), 2, "{}", fixture.name);
        fixture.record(
            FaultScenario::AbandonedRefresh,
            "abandoned",
            super::took("well after", wait),
        );
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}

async fn abandon(fixture: AdapterFixture) -> AdapterFixture {
    let fixture = Arc::new(fixture);
    for number in 0..TIMES {
        match number % 3 {
            0 => drop(operation(fixture.opened()).now_or_never()),
            1 => {
                let asking = Arc::clone(&fixture);
                let task = tokio::spawn(async move { operation(asking.opened()).await.map(drop) });
                tokio::task::yield_now().await;
                task.abort();
                let ended = timeout(Duration::from_secs(60), task).await;
                drop(ended.expect("an aborted task ends"));
            }
            _ => drop(timeout(Duration::from_millis(1), operation(fixture.opened())).await),
        }
    }
    let mut fixture = Arc::into_inner(fixture).expect("all have ended");
    fixture.stats.operations += TIMES as u64;
    fixture
}
