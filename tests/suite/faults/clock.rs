//! The wall clock steps. (Which of two clocks is believed when: `entra-pg-core`, `token/clock.rs`.)

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use entra_pg_emulator::Emulator;
use entra_pg_tests::{adapter_fixture::AdapterFixture, scenarios::FaultScenario};
use tokio::time::{Instant, sleep_until};

use super::{
    close_all, each, fetches_per_connection, healed, is_refusal, opened, start, stop, took,
};
use crate::adapters::ALL;

const HOUR: i64 = 3_600;

/// A wall clock that is wrong by some seconds.
#[derive(Clone, Debug, Default)]
struct WallClock(Arc<AtomicI64>);

impl WallClock {
    fn off_by(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    fn step_to(&self, seconds: i64) {
        self.0.store(seconds, SeqCst);
    }

    fn now(&self) -> SystemTime {
        let (off, now) = (self.0.load(SeqCst), SystemTime::now());
        let by = Duration::from_secs(off.unsigned_abs());
        if off < 0 { now - by } else { now + by }
    }
}

async fn open_under(emulator: &Emulator, clock: &WallClock) -> Vec<AdapterFixture> {
    let fixtures = ALL.map(|adapter| {
        let clock = clock.clone();
        AdapterFixture::built(emulator, adapter, |entra| {
            entra.wall_clock(move || clock.now())
        })
    });
    opened(fixtures.into()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_within_the_life_of_a_token_are_not_noticed() {
    let emulator = start(Duration::from_secs(24 * 3_600)).await;
    let clock = WallClock::default();
    let mut fixtures = open_under(&emulator, &clock).await;
    for step in [5 * HOUR, -5 * HOUR, 0] {
        clock.step_to(step);
        fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
            for _ in 0..3 {
                let _ = fixture.operate().await;
            }
            fixture
        })
        .await;
    }
    for fixture in &fixtures {
        fixture.assert_flawless();
        assert_eq!(fixture.requests_since(), 0, "{}", fixture.name);
        fixture.record(FaultScenario::Clock, "within", "");
    }
    close_all(fixtures).await;
    stop(emulator).await;
}

/// A machine starts with its clock hours behind, takes its tokens for longer-lived than they are, and is put right after
/// they have expired.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_right_ends_the_life_of_what_has_expired() {
    let lifetime = Duration::from_secs(15);
    let emulator = start(lifetime).await;
    let clock = WallClock::off_by(-5 * HOUR);
    let fixtures = open_under(&emulator, &clock).await;
    emulator
        .control()
        .set_token_lifetime(Duration::from_secs(3_600));
    let all_expired = Instant::now() + lifetime;
    sleep_until(all_expired).await;
    clock.step_to(0);
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        let moment = healed(&mut fixture).await;
        for _ in 0..3 {
            let _ = fixture.operate().await;
        }
        fixture
            .stats
            .errors
            .iter()
            .for_each(|error| assert!(is_refusal(error), "{error}"));
        if fetches_per_connection(fixture.name) {
            fixture.assert_flawless();
        }
        assert_eq!(fixture.requests_since(), 1, "{}", fixture.name);
        fixture.record(
            FaultScenario::Clock,
            "put right",
            took("put right: well after", moment),
        );
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_of_every_token_is_named_and_recovered_from() {
    let emulator = start(Duration::from_secs(3_600)).await;
    let clock = WallClock::off_by(5 * HOUR);
    for adapter in ALL {
        let timed = clock.clone();
        let mut fixture = AdapterFixture::built(&emulator, adapter, |entra| {
            entra.wall_clock(move || timed.now())
        });
        let error = fixture.tokens().get(Duration::from_secs(15)).await;
        let error = error.expect_err("expired on arrival").to_string();
        assert!(error.contains("clock"), "{error}");
        clock.step_to(0);
        while let Err(error) = fixture.open().await {
            // Inside the backoff it is still the last answer.
            assert!(
                error.to_string().contains("clock"),
                "{}: {error}",
                fixture.name
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(fixture.requests_since() <= 3, "{fixture:?}");
        fixture.close().await;
        clock.step_to(5 * HOUR);
    }
    stop(emulator).await;
}
