//! Timeouts and expiry.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use shuttle::future::spawn;

use super::fixture::{
    Answer, GONE, RequestLimits, STALE, caller, execute, finished, generation, one_at_a_time, token,
};
use crate::{
    ErrorKind,
    sync::checker::{
        scheduling_point,
        time::{self, NEVER},
    },
};

/// A caller's patience and the request's own timeout run out, or do not, in any order.
pub fn an_endpoint_that_hangs() {
    let fetch_timeout = Duration::from_secs(20);
    let world = execute(&[Answer::Hang], fetch_timeout, async |cache, _| {
        let callers = [
            caller(&cache, Duration::from_secs(15)),
            caller(&cache, NEVER),
        ];
        for caller in callers {
            // One that comes late finds the request ended, and may send the next.
            let error = finished(caller).await.err().map(|error| error.kind());
            let expected = [
                None,
                Some(ErrorKind::TokenTimeout),
                Some(ErrorKind::TokenRequest),
            ];
            assert!(expected.contains(&error), "{error:?}");
        }
    });
    // A request whose timeout is over but whose task is not polled is aborted; its runtime drops it later.
    assert!(world.most_in_flight.load(SeqCst) <= 2);
    assert!((1..=2).contains(&world.requests()), "{}", world.requests());
}

/// Some of the first requests hang, and callers come and go: the second request serves all who stay, and there are never more
/// than two.
pub fn a_request_that_hangs_and_a_second_one() {
    let limits = RequestLimits {
        hedge_after: Duration::from_secs(3),
        timeout: NEVER,
    };
    let answers = [Answer::Hang, Answer::Token];
    let world = execute(&answers, limits, async |cache, _| {
        time::limit(3);
        let (stays, leaves) = (caller(&cache, NEVER), caller(&cache, NEVER));
        leaves.abort();
        assert_eq!(generation(stays).await, 1);
        let _ = leaves.await;
    });
    assert!(world.most_in_flight.load(SeqCst) <= 2);
    // The second is replaced if its own time is over before it answers.
    assert!((2..=4).contains(&world.requests()), "{}", world.requests());
}

/// The first request answers at any point, also when the second is under way: one token for all.
pub fn a_request_that_is_slow_and_a_second_one() {
    let limits = RequestLimits {
        hedge_after: Duration::from_secs(3),
        timeout: NEVER,
    };
    let world = execute(&[], limits, async |cache, _| {
        time::limit(2);
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            assert_eq!(generation(caller).await, 1);
        }
    });
    assert!(world.most_in_flight.load(SeqCst) <= 2);
    assert!((1..=3).contains(&world.requests()), "{}", world.requests());
}

/// A request that is stuck is given up by one of several callers, while it may yet end by itself.
pub fn an_overdue_request() {
    let fetch_timeout = Duration::from_secs(20);
    let world = execute(&[], fetch_timeout, async |cache, world| {
        cache.cached();
        let before = Arc::clone(&world);
        let thaw = spawn(async move {
            scheduling_point();
            before.jump(GONE);
        });
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            // The request may also time out, by its own timer.
            if let Ok(token) = finished(caller).await {
                assert!(token.generation() >= 1);
            }
        }
        finished(thaw).await;
        assert!(!cache.status().refreshing || world.requests() > 1);
    });
    // How many are there at once is not bounded here: one that was given up is dropped when its runtime comes to it.
    assert!(world.requests() <= 3, "{}", world.requests());
}

/// The token expires while callers, a refresh and a failure meet: a caller that gets an error had no valid token.
pub fn an_expiry_in_between() {
    let answers = [Answer::Token, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, world| {
        drop(token(&cache).await);
        world.jump(STALE);
        let refresher = caller(&cache, NEVER);
        let end = Arc::clone(&world);
        let expiry = spawn(async move {
            scheduling_point();
            end.jump(GONE);
        });
        let (clock, handle) = (Arc::clone(&world), cache.clone());
        let witness = spawn(async move {
            let result = handle.get(NEVER).await;
            assert!(
                result.is_ok() || clock.jumped.load(SeqCst) > STALE,
                "withheld"
            );
        });
        let _ = finished(refresher).await;
        finished(witness).await;
        finished(expiry).await;
    });
    one_at_a_time(&world);
    assert!((1..=3).contains(&world.requests()), "{}", world.requests());
}
