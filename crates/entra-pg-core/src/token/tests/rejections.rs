//! Tokens that a server refused.

use std::time::Duration;

use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s};

#[tokio::test(start_paused = true)]
async fn a_rejected_token_forces_one_request_however_many_ask() {
    let script = Script::new([], Answer::Late(s(1), HOUR));
    let cache = script.cache();
    let rejected = cache.get(TIMEOUT).await.expect("a token");
    let askers: Vec<_> = (0..50)
        .map(|_| {
            let (cache, rejected) = (cache.clone(), rejected.clone());
            tokio::spawn(async move { cache.refresh_rejected(&rejected, TIMEOUT).await })
        })
        .collect();
    for asker in askers {
        let newer = asker.await.expect("no panic").expect("a newer token");
        assert_eq!(newer.secret(), "token-2");
    }
    assert_eq!(script.requests(), 2);
}

#[rstest]
#[case::repeats_itself(Answer::Same(HOUR), 2)]
// One that failed may be forced again, as far as the budget goes.
#[case::fails(Answer::Failure, 3)]
#[tokio::test(start_paused = true)]
async fn a_rejection_that_brings_nothing_new_ends_the_retry(
    #[case] second: Answer,
    #[case] requests: u32,
) {
    let script = Script::new([Answer::Same(HOUR)], second);
    let cache = script.cache();
    let rejected = cache.get(TIMEOUT).await.expect("a token");
    for _ in 0..20 {
        assert!(cache.refresh_rejected(&rejected, TIMEOUT).await.is_none());
        assert!(cache.get(TIMEOUT).await.is_ok(), "others may still use it");
    }
    assert_eq!(script.requests(), requests);
}

#[tokio::test(start_paused = true)]
async fn a_forced_request_that_fails_does_not_condemn_the_token_for_its_life() {
    let script = Script::new(
        [Answer::Token(s(86_400)), Answer::Failure],
        Answer::Token(s(86_400)),
    );
    let cache = script.cache();
    let rejected = cache.get(TIMEOUT).await.expect("a token");
    assert!(cache.refresh_rejected(&rejected, TIMEOUT).await.is_none());
    let newer = cache.refresh_rejected(&rejected, TIMEOUT).await;
    assert_eq!(newer.expect("the second of the burst").secret(), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_makes_no_storm() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    let end = Instant::now() + s(300);
    while Instant::now() < end {
        let token = cache.get(TIMEOUT).await.expect("a token");
        cache.refresh_rejected(&token, TIMEOUT).await;
        sleep(Duration::from_millis(200)).await;
    }
    assert!(script.requests() <= 13, "{}", script.requests());
}
