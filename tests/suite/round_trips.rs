//! How often a connect waits for the server. On a network, that is its duration.
//!
//! Counted, not timed: a relay sees when the client sends something after an answer has reached it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use entra_pg_core::Target;
use entra_pg_tests::adapters::{ALL, NamedAdapter, PROXY};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
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

/// diesel-async prepares and runs two statements on each new connection, for the time zone and the encoding.
const SET_TWICE: u32 = 4;

/// Forwards to the emulator.
struct CountingRelay {
    port: u16,
    /// Of each connection, in the order of their arrival.
    counts: Arc<Mutex<Vec<Arc<Count>>>>,
}

struct Count {
    round_trips: AtomicU32,
    /// Whether the client has an answer to all that it has sent.
    answered: AtomicBool,
}

impl CountingRelay {
    async fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let counts = Arc::<Mutex<Vec<_>>>::default();
        let all = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let count = Arc::new(Count {
                    // TCP's own.
                    round_trips: AtomicU32::new(1),
                    answered: AtomicBool::new(true),
                });
                all.lock().expect("no panic").push(Arc::clone(&count));
                let server = TcpStream::connect(("127.0.0.1", shared().port())).await;
                let server = server.expect("the emulator listens");
                for end in [&client, &server] {
                    end.set_nodelay(true).expect("an open socket");
                }
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(requests(from_client, to_server, Arc::clone(&count)));
                tokio::spawn(answers(from_server, to_client, delay, count));
            }
        });
        Self { port, counts }
    }

    fn url(&self) -> String {
        let root = shared().ca_file().display();
        format!(
            "postgres://app@localhost:{}/postgres?sslrootcert={root}",
            self.port
        )
    }

    fn counts(&self) -> Vec<u32> {
        let counts = self.counts.lock().expect("no panic");
        let counts = counts.iter().map(|count| count.round_trips.load(SeqCst));
        counts.collect()
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: Arc<Count>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if count.answered.swap(false, SeqCst) {
            count.round_trips.fetch_add(1, SeqCst);
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    count: Arc<Count>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        tokio::time::sleep(delay).await;
        count.answered.store(true, SeqCst);
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// The fewest that the first connect of a pool takes, and those that follow. A stall of the machine adds to a count, and nothing
/// takes away from it; so it is enough that each is once as low as expected.
async fn count(subject: NamedAdapter, expected: (u32, u32)) -> (u32, u32) {
    let mut fewest = (u32::MAX, u32::MAX);
    for pool in 0..POOLS {
        let (first, others) = count_of_a_pool(subject, DELAY * 2_u32.pow(pool)).await;
        fewest = (first.min(fewest.0), others.min(fewest.1));
        if fewest == expected {
            break;
        }
    }
    fewest
}

async fn count_of_a_pool(subject: NamedAdapter, delay: Duration) -> (u32, u32) {
    let relay = CountingRelay::start(delay).await;
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
        assert_eq!(counted, expected, "{}", subject.name);
    }
}
