//! What the connects of an adapter cost on a network: how often they wait for the server, and how long.

use std::time::{Duration, Instant};

use crate::{
    adapters::NamedAdapter,
    counting_relay::CountingRelay,
    fixtures::{entra, shared},
};

pub struct RoundTrips {
    /// Those of the first connection of the pool.
    pub first: u32,
    /// The fewest of those that it opened later.
    pub others: u32,
    /// The shortest time in which it opened one of these.
    pub fastest: Duration,
}

/// Of one pool with so many connections, which are held all at once. Each answer is on its way for `delay`.
pub async fn measure(subject: NamedAdapter, delay: Duration, connections: u32) -> RoundTrips {
    let relay = CountingRelay::start(shared(), delay).await;
    let opened = subject
        .open(&relay.url(), &entra(shared()), connections)
        .await;
    let first = relay.counts()[0];
    // The first may be in the pool.
    let mut held = vec![opened.acquire().await.expect(subject.name)];
    let mut fastest = Duration::MAX;
    for _ in 1..connections {
        let begun = Instant::now();
        held.push(opened.acquire().await.expect(subject.name));
        fastest = fastest.min(begun.elapsed());
    }
    let others = relay.counts().into_iter().skip(1).min();
    drop(held);
    opened.close().await;
    RoundTrips {
        first,
        others: others.expect("another connection"),
        fastest,
    }
}
