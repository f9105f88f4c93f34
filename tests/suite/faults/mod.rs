//! The fault table, row by row (`entra_pg_tests::rows`), each against every adapter that it applies to. Every test asserts
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
mod lifecycle;
mod outage;
mod past_expiry;
mod refused_token;
mod server_gone;
mod slow_endpoint;
mod stall;

use std::{sync::Arc, time::Duration};

use entra_pg_emulator::Emulator;
use entra_pg_tests::subject::{Named, Subject};
use futures::future::join_all;
use tokio::time::{Instant, sleep};

/// Left over for the connects of a last round to end before the token does, on a machine that is busy with other things.
const RESERVE: Duration = Duration::from_secs(6);
const BETWEEN_OPERATIONS: Duration = Duration::from_millis(300);

async fn start(lifetime: Duration) -> Arc<Emulator> {
    let builder = Emulator::builder().role("app").token_lifetime(lifetime);
    Arc::new(builder.start().await.expect("starts"))
}

async fn stop(emulator: Arc<Emulator>) {
    let emulator = Arc::into_inner(emulator).expect("nobody else uses it");
    emulator.stop().await.expect("stops");
}

/// Does the same with each, at the same time, each in a task of its own.
async fn each<F>(subjects: Vec<Subject>, work: impl Fn(Subject) -> F) -> Vec<Subject>
where
    F: Future<Output = Subject> + Send + 'static,
{
    let tasks = subjects
        .into_iter()
        .map(|subject| tokio::spawn(work(subject)));
    let ended = join_all(tasks).await;
    ended
        .into_iter()
        .map(|subject| {
            subject.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        })
        .collect()
}

/// Each adapter with an identity of its own, opened.
async fn open_all(emulator: &Emulator, adapters: &[Named]) -> Vec<Subject> {
    let subjects = adapters
        .iter()
        .map(|adapter| Subject::new(emulator, *adapter))
        .collect();
    opened(subjects).await
}

async fn opened(subjects: Vec<Subject>) -> Vec<Subject> {
    each(subjects, async |mut subject: Subject| {
        let opened = subject.open().await;
        opened.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
        // The connection that was opened goes with this, so that whatever comes next needs another.
        subject.operate().await.expect(subject.name);
        subject.begin();
        subject
    })
    .await
}

/// One operation after another.
async fn operate_until(subject: &mut Subject, end: Instant) {
    while Instant::now() < end {
        // The tally has what came of it.
        let _ = subject.operate().await;
        sleep(BETWEEN_OPERATIONS).await;
    }
}

async fn close_all(subjects: Vec<Subject>) {
    each(subjects, async |mut subject: Subject| {
        subject.close().await;
        subject
    })
    .await;
}

/// Operates until it works again; says how long that took. The limit is for a test that would hang.
async fn healed(subject: &mut Subject) -> Duration {
    let started = Instant::now();
    while let Err(error) = subject.operate().await {
        let name = subject.name;
        assert!(
            started.elapsed() < Duration::from_secs(90),
            "{name} does not heal: {error}"
        );
        sleep(Duration::from_millis(50)).await;
    }
    started.elapsed()
}

fn fetches_per_connection(name: &str) -> bool {
    let mut adapters = crate::adapters::PER_CONNECTION.iter();
    adapters.any(|(other, _)| *other == name)
}

/// Whether it is the server that refused the token. PostgreSQL names the method, which is the emulator's.
fn is_refusal(error: &str) -> bool {
    error.contains("authentication failed for user \"app\"")
}

/// A time, for the table.
fn took(what: &str, time: Duration) -> String {
    format!("{what} {:.1} s", time.as_secs_f64())
}
