//! How often a connect waits for the server. On a network, that is its duration. Counted, not timed.

use std::time::Duration;

use entra_pg_core::Target;
use entra_pg_tests::{
    adapters::{ALL, NamedAdapter, PROXY},
    counting_relay::CountingRelay,
};

use crate::fixtures::{entra, shared};

/// So long an answer is on its way, in the first pool. What a client sends in two pieces is then one, unless the machine stalls in
/// between; so the next pool's answers take twice as long.
const DELAY: Duration = Duration::from_millis(5);

const CONNECTIONS: u32 = 4;

/// How many pools are tried. The last one's answers take 1.3 s.
const POOLS: u32 = 9;

/// TCP, the request for TLS, the handshake, the startup message, the token.
const FULL: u32 = 5;

/// The test has a connection of SeaORM's to itself by a transaction.
const BEGIN: u32 = 1;

/// bb8 asks each connection that it hands out whether it is alive.
const CHECK: u32 = 1;

/// diesel-async prepares and runs two statements on each new connection, for the time zone and the encoding; some of it at once.
const SET_TWICE: u32 = 4;

/// The fewest that the first connect of a pool takes, and those that follow. A stall of the machine adds to a count, and nothing
/// takes away from it; so it is enough that each is once as low as expected.
async fn count(subject: NamedAdapter, expected: (u32, u32)) -> (u32, u32) {
    let mut fewest = (u32::MAX, u32::MAX);
    for pool in 0..POOLS {
        let (first, others) = count_of_a_pool(subject, DELAY * 2_u32.pow(pool)).await;
        fewest = (first.min(fewest.0), others.min(fewest.1));
        if fewest.0 <= expected.0 && fewest.1 <= expected.1 {
            break;
        }
    }
    fewest
}

async fn count_of_a_pool(subject: NamedAdapter, delay: Duration) -> (u32, u32) {
    let relay = CountingRelay::start(shared(), delay).await;
    let (url, name, entra) = (relay.url(), subject.name, entra(shared()));
    let target = Target::parse(&url).expect("a URL");
    let adapter = subject.adapter;
    let opened = adapter.open_sized(&url, target, &entra, CONNECTIONS).await;
    let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
    let first = relay.counts()[0];
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(opened.acquire().await.expect(name));
    }
    let others = relay.counts().into_iter().skip(1).min();
    drop(held);
    opened.close().await;
    (first, others.expect("another connection"))
}

/// What the library around our connect adds: to the first connection of a pool, and to each that is acquired.
fn added(name: &str) -> (u32, u32) {
    let (in_pool, driver) = match name {
        // sqlx makes a TLS configuration for each connection, which does not know that the server wants P-256.
        "sqlx" | "sqlx 0.8" => (0, 1),
        "SeaORM" | "SeaORM 1.1" => (BEGIN, 1),
        "SeaORM per connection" | "SeaORM 1.1 per connection" => (BEGIN, 0),
        "diesel-async on bb8" | "diesel-async on deadpool" => (0, SET_TWICE),
        _ => (0, 0),
    };
    match name {
        "tokio-postgres on bb8" => (CHECK, CHECK),
        _ => (driver, driver + in_pool),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connect_waits_more_often_than_its_driver_makes_it() {
    for subject in ALL.into_iter().chain([PROXY]) {
        let (first, others) = added(subject.name);
        let expected = (FULL + first, FULL + others);
        let counted = count(subject, expected).await;
        let as_expected =
            (FULL..=expected.0).contains(&counted.0) && (FULL..=expected.1).contains(&counted.1);
        assert!(as_expected, "{}: {counted:?}, {expected:?}", subject.name);
    }
}
