use std::time::Duration;

use entra_pg_tests::{rows::Row, subject::Subject};
use tokio::time::{Instant, sleep};

use super::{BETWEEN_OPERATIONS, close_all, each, open_all, start, stop, took};
use crate::adapters::ALL;

/// From about 20 s to 34 s of its age a refresh of the token is under way.
const LIFETIME: Duration = Duration::from_secs(40);
const LATENCY: Duration = Duration::from_secs(10);
/// In its last moments (a quarter of the time since the refresh was due) a caller may wait.
const LAST_MOMENTS: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_keeps_nobody_waiting_while_the_token_lives() {
    let emulator = start(LIFETIME).await;
    let subjects = open_all(&emulator, &ALL).await;
    let subjects = each(subjects, async |mut subject: Subject| {
        for _ in 0..3 {
            let _ = subject.operate().await;
        }
        subject
    })
    .await;
    emulator.control().set_latency(LATENCY);
    let subjects = each(subjects, async |mut subject: Subject| {
        subject.assert_flawless();
        let before = subject.tally.longest;
        subject.begin();
        let (end, mut meanwhile) = (subject.expiry() - LAST_MOMENTS, 0);
        while Instant::now() < end {
            let refreshing = || subject.status().refreshing;
            let already = refreshing();
            let requests = subject.requests.count();
            let _ = subject.operate().await;
            let same_request = subject.requests.count() == requests;
            if already && same_request && subject.status().refreshing {
                meanwhile += 1;
            }
            sleep(BETWEEN_OPERATIONS).await;
        }
        let name = subject.name;
        subject.assert_flawless();
        assert_eq!(subject.requests_since(), 1, "{name}: one refresh");
        assert!(
            meanwhile > 0,
            "{name}: every operation waited for the refresh"
        );
        assert!(subject.tally.longest < LATENCY, "{subject:?}");
        let note = format!(
            "{meanwhile} of them during the request; {}",
            took("longest before", before)
        );
        subject.record(Row::SlowEndpoint, "slow", note);
        subject
    })
    .await;
    close_all(subjects).await;
    stop(emulator).await;
}
