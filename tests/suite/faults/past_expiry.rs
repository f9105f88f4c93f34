use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use entra_pg_emulator::Fault;
use entra_pg_tests::{adapter_fixture::AdapterFixture, scenarios::FaultScenario};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{close_all, each, fetches_per_connection, is_refusal, opened, start, stop, took};
use crate::{adapters::ALL, fixtures::eventually};

const LIFETIME: Duration = Duration::from_secs(12);
/// The longest step of the backoff, beside which only a connect is to be waited for.
const LONGEST_STEP: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_past_expiry_fails_with_its_cause_and_ends_with_the_first_request_after_it() {
    let emulator = start(LIFETIME).await;
    // Less than any pool's own timeout, which would hide the cause.
    let fixtures = ALL.map(|adapter| AdapterFixture::new(&emulator, adapter).within(8));
    let fixtures = opened(fixtures.into()).await;
    emulator
        .control()
        .set_fault(Some(Fault::ServiceUnavailable));
    let requests: Vec<_> = fixtures
        .iter()
        .map(|s| (s.name, s.requests.clone()))
        .collect();
    let (down, (lift, lifted)) = (Arc::new(AtomicUsize::new(0)), watch::channel(None));
    let noted = Arc::clone(&down);
    let working = tokio::spawn(each(fixtures, move |fixture| {
        suffer(fixture, Arc::clone(&noted), lifted.clone())
    }));
    eventually("every adapter has felt the outage", async || {
        working.is_finished() || down.load(SeqCst) == ALL.len()
    })
    .await;
    // So that a second request would be no refresh.
    emulator
        .control()
        .set_token_lifetime(Duration::from_secs(3_600));
    emulator.control().set_fault(None);
    let counts = requests
        .iter()
        .map(|(name, requests)| (*name, requests.count()))
        .collect();
    lift.send_replace(Some((Instant::now(), counts)));
    close_all(working.await.expect("no panic")).await;
    stop(emulator).await;
}

/// When the outage ended, and how many requests each adapter had made by then.
type End = (Instant, HashMap<&'static str, u64>);

/// Operates until the outage has been felt and is over.
async fn suffer(
    mut fixture: AdapterFixture,
    down: Arc<AtomicUsize>,
    mut lifted: watch::Receiver<Option<End>>,
) -> AdapterFixture {
    let name = fixture.name;
    sleep_until(fixture.expiry() + Duration::from_secs(1)).await;
    fixture.begin();
    let error = fixture.operate().await.expect_err(name);
    let names_cause = if fetches_per_connection(name) {
        error.contains("503")
    } else {
        // sqlx has only the server's word for it; the cache knows more.
        let last = fixture.status().last_error.map(|error| error.to_string());
        is_refusal(&error) && last.is_some_and(|last| last.contains("503"))
    };
    assert!(
        names_cause,
        "{name}: the cause is not in the error: {error}"
    );
    down.fetch_add(1, SeqCst);
    // It goes on asking, as an application does, until the outage ends and the next operation is well.
    while fixture.operate().await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    let (well, requests) = (Instant::now(), fixture.requests.count());
    let end = lifted.wait_for(Option::is_some).await;
    let (since, before) = end.expect("the test goes on").clone().expect("checked");
    let recovered = well.saturating_duration_since(since);
    let after = requests.saturating_sub(before[name]);
    assert!(after <= 1, "{name}: {after} requests until it was well");
    assert!(
        recovered < LONGEST_STEP * 3,
        "{name} recovered after {recovered:?}"
    );
    // bb8 tries until its own time is up, which is 20 s here.
    let limit = if name.contains("bb8") { 25 } else { 20 };
    assert!(
        fixture.stats.longest < Duration::from_secs(limit),
        "{fixture:?}"
    );
    fixture.record(
        FaultScenario::OutagePastExpiry,
        "past expiry",
        took("well again after", recovered),
    );
    fixture
}
