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

/// Spawns the task. It does not keep the cache alive, and ends with it.
pub(super) fn spawn(refresher: &Arc<Refresher>) -> Result<(), Error> {
    let runtime = Handle::try_current().map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            "a background refresh needs a Tokio runtime",
        )
        .with_hint("call this from a task of a Tokio runtime")
    })?;
    let (weak, mut ended) = (Arc::downgrade(refresher), refresher.subscribe());
    runtime.spawn(async move {
        while let Some(refresher) = weak.upgrade() {
            refresher.refresh_if_due();
            let next = refresher.next_refresh_in();
            drop(refresher);
            tokio::select! {
                biased;
                alive = ended.changed() => if alive.is_err() { return },
                () = sleep(next.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)) => {}
            }
        }
    });
    Ok(())
}
