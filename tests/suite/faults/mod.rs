//! The fault table, row by row (`entra_pg_tests::scenarios`), each against every adapter that it applies to. Every test asserts
//! how many operations failed, how many token requests were made, and a bound; then it records what it measured, of which
//! `just faults` prints a table.
//!
//! What a unit test with a paused clock proves better is in `entra-pg-core`, `token/tests`.

mod abandoned;
mod clock;
mod cold_start;
mod credential;
mod every_connect_fails;
mod freeze;
mod hung_request;
mod late_endpoint;
mod lifecycle;
mod outage;
mod past_expiry;
mod refused_token;
mod server_gone;
mod slow_endpoint;
mod stall;
mod throttle;

use std::{sync::Arc, time::Duration};

use entra_pg_emulator::Emulator;
use entra_pg_tests::{adapter_fixture::AdapterFixture, adapters::NamedAdapter};
use futures::future::join_all;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

/// Left over for the connects of a last round to end before the token does, on a machine that is busy with other things.
const RESERVE: Duration = Duration::from_secs(6);
const BETWEEN_OPERATIONS: Duration = Duration::from_millis(300);

/// How many adapters open at a time, in all tests together. Were there more, they would wait for the processor within their
/// deadlines, and not before them.
static OPENINGS: Semaphore = Semaphore::const_new(4);

async fn start(lifetime: Duration) -> Arc<Emulator> {
    let builder = Emulator::builder().role("app").token_lifetime(lifetime);
    Arc::new(builder.start().await.expect("starts"))
}

async fn stop(emulator: Arc<Emulator>) {
    let emulator = Arc::into_inner(emulator).expect("it has one owner");
    emulator.stop().await.expect("stops");
}

/// Does the same with each, concurrently, each in its own task.
async fn each<F>(
    fixtures: Vec<AdapterFixture>,
    work: impl Fn(AdapterFixture) -> F,
) -> Vec<AdapterFixture>
where
    F: Future<Output = AdapterFixture> + Send + 'static,
{
    let tasks = fixtures
        .into_iter()
        .map(|fixture| tokio::spawn(work(fixture)));
    let ended = join_all(tasks).await;
    ended
        .into_iter()
        .map(|fixture| {
            fixture.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        })
        .collect()
}

/// Opens each adapter with its own identity.
async fn open_all(emulator: &Emulator, adapters: &[NamedAdapter]) -> Vec<AdapterFixture> {
    let fixtures = adapters
        .iter()
        .map(|adapter| AdapterFixture::new(emulator, *adapter))
        .collect();
    opened(fixtures).await
}

async fn opened(fixtures: Vec<AdapterFixture>) -> Vec<AdapterFixture> {
    each(fixtures, async |mut fixture: AdapterFixture| {
        let _turn = OPENINGS.acquire().await.expect("it is never closed");
        let opened = fixture.open().await;
        opened.unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        // The connection that was opened goes with this, so that whatever comes next needs another.
        fixture.operate().await.expect(fixture.name);
        fixture.begin();
        fixture
    })
    .await
}

/// One operation after another while the token lives. Returns whether one of them began when a refresh was due, which it is when half
/// of the lifetime is left. On a busy machine one operation may take all of that time.
async fn operate_while_valid(fixture: &mut AdapterFixture, lifetime: Duration) -> bool {
    let (expiry, mut was_due) = (fixture.expiry(), false);
    while Instant::now() < expiry - RESERVE {
        was_due = Instant::now() > expiry - lifetime / 4;
        // The statistics have the result.
        let _ = fixture.operate().await;
        sleep(BETWEEN_OPERATIONS).await;
    }
    was_due
}

async fn close_all(fixtures: Vec<AdapterFixture>) {
    each(fixtures, async |mut fixture: AdapterFixture| {
        fixture.close().await;
        fixture
    })
    .await;
}

/// Operates until it works again. Returns how long that took. The limit is for a test that would hang.
async fn healed(fixture: &mut AdapterFixture) -> Duration {
    let started = Instant::now();
    while let Err(error) = fixture.operate().await {
        let name = fixture.name;
        assert!(
            started.elapsed() < Duration::from_secs(90),
            "{name} does not heal: {error}"
        );
        sleep(Duration::from_millis(50)).await;
    }
    started.elapsed()
}

fn fetches_per_connection(name: &str) -> bool {
    crate::adapters::named(name).per_connection
}

/// Whether it is the server that refused the token. PostgreSQL names the method, which is the emulator's.
fn is_refusal(error: &str) -> bool {
    error.contains("authentication failed for user \"app\"")
}

/// A time, for the table.
fn took(what: &str, time: Duration) -> String {
    format!("{what} {:.1} s", time.as_secs_f64())
}
