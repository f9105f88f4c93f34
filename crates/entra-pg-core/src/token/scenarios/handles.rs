//! The last handle of a cache, and the background task.

use shuttle::future::spawn;

use super::fixture::{Answer, STALE, caller, execute, finished, generation, one_at_a_time, token};
use crate::sync::checker::time::{self, NEVER};

/// The request, a timer and a health check at once; the last handle goes at any point, and all tasks end.
pub fn the_last_handle_goes() {
    let world = execute(&[], NEVER, async |cache, world| {
        drop(token(&cache).await);
        world.jump(STALE);
        let handle = cache.clone();
        let poller = spawn(async move { assert!(handle.cached().is_some()) });
        let watcher = cache.clone();
        let health = spawn(async move { assert!(watcher.status().expires_on.is_some()) });
        drop(cache);
        finished(poller).await;
        finished(health).await;
    });
    one_at_a_time(&world);
    assert!((1..=2).contains(&world.requests()), "{}", world.requests());
}

/// A request that nothing else would end ends with the last handle, in whichever task that is dropped.
pub fn a_hanging_request_and_the_last_handle() {
    let world = execute(&[Answer::Hang], NEVER, async |cache, _| {
        let (handle, other) = (cache.clone(), cache.clone());
        let poller = spawn(async move { assert!(handle.cached().is_none()) });
        let dropper = spawn(async move { drop(other) });
        drop(cache);
        finished(poller).await;
        finished(dropper).await;
    });
    one_at_a_time(&world);
    assert!(world.requests() <= 1);
}

/// The background task notices the end of every request, and ends with the last handle.
pub fn background_refresh() {
    let world = execute(&[], NEVER, async |cache, _| {
        time::limit(2);
        assert!(cache.background_refresh().is_ok());
        assert_eq!(generation(caller(&cache, NEVER)).await, 1);
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}
