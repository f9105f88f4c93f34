//! Tokens that a server refused.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use shuttle::future::spawn;

use super::fixture::{
    Answer, RequestLimits, STALE, caller, execute, finished, generation, one_at_a_time, rejecter,
    token,
};
use crate::sync::checker::{
    tasks,
    time::{self, NEVER},
};

/// A rejection meets a refresh that lands: no second request for what the refresh has just brought.
pub fn a_rejection_and_a_refresh() {
    let world = execute(&[], NEVER, async |cache, world| {
        let rejected = token(&cache).await;
        world.jump(STALE);
        let (refresh, rejection) = (caller(&cache, NEVER), rejecter(&cache, &rejected));
        assert!((1..=2).contains(&generation(refresh).await));
        let newer = finished(rejection).await.map(|token| token.generation());
        assert_eq!(newer, Some(2));
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 2);
}

/// A rejection meets a refresh that fails: at most one more is forced.
pub fn a_rejection_and_a_refresh_that_fails() {
    let answers = [Answer::Token, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, world| {
        let rejected = token(&cache).await;
        world.jump(STALE);
        let (refresh, rejection) = (caller(&cache, NEVER), rejecter(&cache, &rejected));
        assert!(generation(refresh).await >= 1);
        if let Some(newer) = finished(rejection).await {
            assert_eq!(newer.generation(), 2);
        }
        assert!(cache.cached().is_some(), "a failure took the token away");
    });
    one_at_a_time(&world);
    assert!((2..=3).contains(&world.requests()), "{}", world.requests());
}

/// Rejections of one token: one request, and all get its token.
pub fn rejections_of_one_token(rejections: usize) {
    let world = execute(&[], NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters: Vec<_> = (0..rejections)
            .map(|_| rejecter(&cache, &rejected))
            .collect();
        for rejecter in rejecters {
            let newer = finished(rejecter).await.map(|token| token.generation());
            assert_eq!(newer, Some(2));
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 2);
}

/// Rejections while the endpoint fails: what failed is followed by the next, one at a time, until all get the token.
pub fn rejections_while_the_endpoint_fails() {
    let answers = [Answer::Token, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters = [(); 2].map(|()| rejecter(&cache, &rejected));
        for rejecter in rejecters {
            let newer = finished(rejecter).await.map(|token| token.generation());
            assert_eq!(newer, Some(2));
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 3);
}

/// A rejection while the first forced request hangs: the second brings the token.
pub fn a_rejection_and_a_request_that_hangs() {
    let limits = RequestLimits {
        hedge_after: Duration::from_secs(3),
        timeout: NEVER,
    };
    let answers = [Answer::Token, Answer::Hang];
    let world = execute(&answers, limits, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters = [rejecter(&cache, &rejected), rejecter(&cache, &rejected)];
        time::limit(3);
        for rejecter in rejecters {
            let newer = finished(rejecter).await.map(|token| token.generation());
            assert_eq!(newer, Some(2));
        }
        assert!(cache.cached().is_some());
    });
    assert!(world.most_in_flight.load(SeqCst) <= 2);
    assert!((3..=5).contains(&world.requests()), "{}", world.requests());
}

/// A login that is always refused beside one whose token was revoked: both get a newer token, and neither the other's error.
pub fn rejections_of_two_logins() {
    let world = execute(&[], NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let refused = cache.clone();
        let nobody = spawn({
            let rejected = rejected.clone();
            async move {
                let mut token = rejected;
                for _ in 0..2 {
                    let newer = refused.refresh_rejected_for("nobody", &token, NEVER).await;
                    token = newer.unwrap_or(token);
                }
            }
        });
        let newer = cache.refresh_rejected_for("app", &rejected, NEVER).await;
        assert!(newer.is_some_and(|newer| newer.generation() > 1));
        cache.accepted("app");
        finished(nobody).await;
    });
    one_at_a_time(&world);
    assert!((2..=4).contains(&world.requests()), "{}", world.requests());
}

/// No caller waits for ever for a forced request that is lost, and another may be forced.
pub fn a_forced_request_that_is_lost() {
    let world = execute(&[], NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters = [rejecter(&cache, &rejected), rejecter(&cache, &rejected)];
        let end = spawn(async { tasks::shut_down() });
        for rejecter in rejecters {
            let _ = finished(rejecter).await;
        }
        finished(end).await;
        assert!(
            !cache.status().refreshing,
            "a request that is lost stays on the books"
        );
        drop(token(&cache).await);
    });
    one_at_a_time(&world);
    assert!((1..=3).contains(&world.requests()), "{}", world.requests());
}
