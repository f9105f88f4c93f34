//! Requests that hang.

use std::sync::Arc;

use rstest::rstest;
use tokio::time::{advance, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};
use crate::token::TokenCache;

async fn crowd(cache: &TokenCache) -> usize {
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(TIMEOUT).await.is_ok() })
        })
        .collect();
    let mut served = 0;
    for caller in callers {
        served += usize::from(caller.await.expect("no panic"));
    }
    served
}

#[tokio::test(start_paused = true)]
async fn one_request_that_hangs_does_not_hold_everybody() {
    let script = Script::new([Answer::Hang], Answer::Token(HOUR));
    assert_eq!(crowd(&script.cache()).await, 100);
    assert_eq!(script.started.elapsed(), s(3));
    assert_eq!((script.requests(), script.most_in_flight()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_for_a_while_is_noticed_within_one_step_of_the_backoff() {
    let script = Script::new([Answer::Hang; 3], Answer::Token(HOUR));
    let cache = script.cache();
    assert_eq!(crowd(&cache).await, 0, "it hangs for longer");
    assert_eq!(crowd(&cache).await, 100);
    // After 3 s, and then every 9 s.
    assert_eq!(script.started.elapsed(), s(21));
    assert_eq!((script.requests(), script.most_in_flight()), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_only_slow_is_waited_for() {
    let script = Script::new([], Answer::Late(s(12), HOUR));
    let cache = script.cache();
    assert_eq!(crowd(&cache).await, 100);
    let token = cache.get(TIMEOUT).await.expect("a token");
    assert_eq!(token.secret(), "token-1");
    assert_eq!(script.started.elapsed(), s(12));
    assert_eq!(script.most_in_flight(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_always_hangs_gets_two_requests_at_a_time_and_no_more() {
    let script = Script::new([], Answer::Hang);
    let cache = script.cache();
    while script.started.elapsed() < s(300) {
        assert_eq!(crowd(&cache).await, 0);
    }
    assert_eq!(script.most_in_flight(), 2);
    // In each 75 s: the first, one after 3 s and one every 9 s.
    assert!(script.requests() <= 4 * 9 + 9, "{}", script.requests());
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_the_second_counts_even_if_it_is_a_failure() {
    let script = Script::new([Answer::Hang, Answer::Status(400)], Answer::Hang);
    let error = script.cache().get(TIMEOUT).await.expect_err("it refuses");
    assert!(error.to_string().contains("HTTP 400"), "{error}");
    assert_eq!(script.started.elapsed(), s(3));
}

#[tokio::test(start_paused = true)]
async fn a_second_request_that_fails_is_followed_by_the_next_as_any_other() {
    let answers = [Answer::Hang, Answer::Status(503), Answer::Hang];
    let script = Script::new(answers, Answer::Token(HOUR));
    script.cache().get(TIMEOUT).await.expect("a token");
    assert!(script.started.elapsed() <= s(3 + 1 + 3));
    assert_eq!((script.requests(), script.most_in_flight()), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_twice_while_no_caller_needs_it() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Hang);
    let cache = script.cache();
    let first = cache.get(TIMEOUT).await.expect("a token");
    advance(s(3_400)).await;
    while script.started.elapsed() < s(3_599) {
        cache.get(TIMEOUT).await.expect("it is valid");
        sleep(s(1)).await;
    }
    assert_eq!(script.most_in_flight(), 1);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_pool_is_not_held_by_a_refresh_that_hangs_past_expiry() {
    let lifetime = s(40);
    let script = Script::new([Answer::Token(lifetime), Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    // As rotation looks at it: it needs no token of its own.
    while cache.cached().is_none_or(|token| token.generation() == 1) {
        assert!(script.started.elapsed() <= lifetime + s(1));
        sleep(s(1)).await;
    }
    assert_eq!((script.requests(), script.most_in_flight()), (3, 2));
}

#[rstest]
#[case::after_a_hanging_refresh(s(60))]
#[case::before_it_is_slow(s(1))]
#[tokio::test(start_paused = true)]
async fn a_caller_that_comes_later_is_not_held_by_a_request_that_hangs(
    #[case] later: std::time::Duration,
) {
    let script = Script::new([Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    assert!(cache.cached().is_none());
    sleep(later).await;
    assert_eq!(script.requests(), 1, "nobody has needed it");
    let before = script.started.elapsed();
    cache.get(TIMEOUT).await.expect("a token");
    assert_eq!(script.started.elapsed(), before.max(s(3)));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_replaced_though_the_first_request_hangs() {
    let script = Script::new([Answer::Token(HOUR), Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    let rejected = cache.get(TIMEOUT).await.expect("a token");
    let newer = cache.refresh_rejected(&rejected, TIMEOUT).await;
    assert_eq!(newer.expect("a token").generation(), 2);
    assert_eq!(script.started.elapsed(), s(3));
}

#[tokio::test(start_paused = true)]
async fn both_requests_end_with_the_last_handle() {
    let script = Script::new([], Answer::Hang);
    let cache = script.cache();
    assert!(cache.get(s(5)).await.is_err());
    assert_eq!(script.most_in_flight(), 2);
    drop(cache);
    settle().await;
    assert_eq!(Arc::strong_count(&script), 1, "no request is left");
}
