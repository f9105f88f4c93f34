//! The task that refreshes a cache while no caller asks.

use std::{sync::Arc, time::Duration};

use super::refresh::Refresher;
use crate::{
    Error, ErrorKind,
    sync::{Handle, sleep},
};

/// Wall clocks jump and machines sleep; a longer timer would notice too late.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// Wants a task from now on, and spawns it unless it runs. It does not keep the cache alive, and ends with it.
pub(super) fn start(refresher: &Arc<Refresher>) -> Result<(), Error> {
    refresher.want_background();
    resume(refresher)
}

/// Spawns the task that is wanted, if there was no runtime for it yet or its runtime has ended.
pub(super) fn resume(refresher: &Arc<Refresher>) -> Result<(), Error> {
    let runtime = Handle::try_current().map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            "a background refresh needs a Tokio runtime",
        )
        .with_hint("call this from a task of a Tokio runtime")
    })?;
    let Some(running) = refresher.claim_background() else {
        return Ok(());
    };
    let (weak, mut ended) = (Arc::downgrade(refresher), refresher.subscribe());
    runtime.spawn(async move {
        while let Some(refresher) = weak.upgrade() {
            refresher.refresh_if_due();
            let next = refresher.next_refresh_in().unwrap_or(LONGEST_SLEEP);
            drop(refresher);
            tokio::select! {
                biased;
                alive = ended.changed() => if alive.is_err() { break },
                () = sleep(next.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)) => {}
            }
        }
        drop(running);
    });
    Ok(())
}
