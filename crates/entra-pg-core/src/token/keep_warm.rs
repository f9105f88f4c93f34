//! A timer that keeps a cache fresh while nobody asks.

use std::{sync::Arc, time::Duration};

use super::TokenCache;
use crate::{
    Error, ErrorKind,
    sync::{Handle, sleep},
};

/// Wall clocks jump and machines sleep; a longer timer would notice too late.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

impl TokenCache {
    /// Spawns a task that refreshes the token as soon as that is due, so that no caller is ever the one who waits after
    /// a quiet night. The task ends with the last handle of this cache.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] outside of a Tokio runtime.
    pub fn keep_warm(&self) -> Result<(), Error> {
        let runtime = Handle::try_current().map_err(|_| {
            Error::new(
                ErrorKind::Runtime,
                "keeping a token warm needs a Tokio runtime",
            )
            .with_hint("call this from a task of a Tokio runtime")
        })?;
        let (cache, mut landings) = (Arc::downgrade(&self.0), self.landings());
        runtime.spawn(async move {
            while let Some(cache) = cache.upgrade().map(TokenCache) {
                cache.poll();
                let pause = cache.idle_for().clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
                drop(cache);
                tokio::select! {
                    biased;
                    alive = landings.changed() => if alive.is_err() { return },
                    () = sleep(pause) => {}
                }
            }
        });
        Ok(())
    }
}
