//! Clocks that jump or disagree.

use std::time::Duration;

use tokio::time::{Instant, advance, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};
use crate::ErrorKind;

#[tokio::test(start_paused = true)]
async fn clock_skew_is_named() {
    let script = Script::new([], Answer::ExpiredOnArrival);
    let error = script.cache().get(TIMEOUT).await.expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::UnusableToken);
    assert!(error.to_string().contains("clock"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_thawed_process_does_not_wait_out_a_backoff_from_before() {
    let script = Script::new([Answer::Token(HOUR), Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    advance(s(3_400)).await;
    cache
        .get(TIMEOUT)
        .await
        .expect("a token; its refresh fails");
    settle().await;
    script.thaw_after(s(7_200));
    let before = Instant::now();
    assert_eq!(
        cache.get(TIMEOUT).await.expect("a token").secret(),
        "token-3"
    );
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_connection_died_in_a_freeze_is_replaced() {
    let script = Script::new([Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    assert!(cache.cached().is_none());
    settle().await;
    script.thaw_after(s(600));
    assert_eq!(
        cache.get(TIMEOUT).await.expect("a token").secret(),
        "token-2"
    );
    assert_eq!(script.started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_token_whose_end_was_misjudged_is_not_requested_in_a_loop() {
    let script = Script::new([], Answer::Same(HOUR));
    let cache = script.cache();
    // Fetched while the wall clock was 50 minutes ahead, so that it seemed to live for ten.
    script.thaw_after(s(3_000));
    cache.get(TIMEOUT).await.expect("a token");
    script.set_wall_clock_right();
    advance(s(700)).await;
    for _ in 0..1_000 {
        cache
            .get(TIMEOUT)
            .await
            .expect("the endpoint says that it lives");
        sleep(Duration::from_millis(60)).await;
    }
    assert!(cache.status().expires_on.is_some());
    assert!(script.requests() <= 3, "{}", script.requests());
}
