//! How often a connect waits for the server. On a network, that is its duration. Counted, not timed.

use std::time::Duration;

use entra_pg_tests::{
    adapters::{ALL, NamedAdapter, PROXY},
    round_trips::measure,
};

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
        let counted = measure(subject, DELAY * 2_u32.pow(pool), CONNECTIONS).await;
        fewest = (counted.first.min(fewest.0), counted.others.min(fewest.1));
        if fewest.0 <= expected.0 && fewest.1 <= expected.1 {
            break;
        }
    }
    fewest
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
