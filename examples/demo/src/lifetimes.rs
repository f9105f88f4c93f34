//! Waits for tokens to expire, one after the other.
//!
//! A lifetime ends when the token that was current at its beginning has expired: that is what an adapter has to outlive,
//! and it needs no assumption about when tokens are refreshed or how long they really live.

use std::time::{Duration, SystemTime};

use entra_pg_core::TokenCache;
use tokio::{sync::watch, time::sleep};

use crate::{
    contestant::{PATIENCE, text},
    records::Records,
    score::Stage,
};

/// What a run has seen of its lifetimes, by the server's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    /// The start, and the end of each lifetime, in microseconds since 1970.
    pub(crate) boundaries: Vec<i64>,
    /// Why there are fewer than asked for.
    pub(crate) cut_short: Option<String>,
}

/// Lets `count` lifetimes pass, and calls `ended` with the number (from 1) of each.
pub(crate) async fn pass(
    count: usize,
    start: i64,
    tokens: &TokenCache,
    records: &Records,
    stage: &watch::Sender<Stage>,
    mut ended: impl AsyncFnMut(usize),
) -> Passed {
    let mut passed = Passed { boundaries: vec![start], cut_short: None };
    for lifetime in 0..count {
        stage.send_modify(|stage| stage.lifetime = lifetime);
        match one(tokens, records).await {
            Ok(end) => passed.boundaries.push(end),
            Err(error) => {
                passed.cut_short = Some(error);
                break;
            }
        }
        ended(lifetime + 1).await;
    }
    passed
}

async fn one(tokens: &TokenCache, records: &Records) -> Result<i64, String> {
    let token = tokens.get(PATIENCE).await.map_err(text)?;
    // The clock might be set meanwhile, so it is looked at again.
    while let Ok(left) = token.expires_on().duration_since(SystemTime::now()) {
        sleep(left.clamp(Duration::from_millis(1), Duration::from_secs(1))).await;
    }
    records.now().await
}
