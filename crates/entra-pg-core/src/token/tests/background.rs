//! The background refresh, and callers' own timers.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::{advance, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};

#[tokio::test(start_paused = true)]
async fn a_background_refresh_needs_no_caller_and_ends_with_the_last_handle() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    cache.background_refresh().expect("in a runtime");
    sleep(s(3_600 * 5)).await;
    assert!(
        (5..=6).contains(&script.requests()),
        "{}",
        script.requests()
    );
    cache.background_refresh().expect("in a runtime");
    assert_eq!(tasks(), 1, "not one for each call");
    drop(cache);
    settle().await;
    assert_eq!(tasks(), 0);
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

#[test]
fn a_background_refresh_survives_the_lack_of_a_runtime_and_the_end_of_one() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    assert!(cache.background_refresh().is_err(), "no runtime yet");
    for lifetime in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        runtime.expect("a runtime").block_on(async {
            script.thaw_after(HOUR * 2 * lifetime);
            cache.get(TIMEOUT).await.expect("a token");
            settle().await;
            assert_eq!(tasks(), 1, "in runtime {lifetime}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_background_refresh_notices_a_failure_at_once() {
    let script = Script::new([Answer::Failure, Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    cache.background_refresh().expect("in a runtime");
    while cache.status().expires_on.is_none() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        script.started.elapsed() <= s(1 + 2 + 1),
        "{:?}",
        script.started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_background_refresh_does_not_sleep_through_the_end_of_a_repeated_token() {
    let script = Script::new([Answer::Token(s(20)), Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    cache.background_refresh().expect("in a runtime");
    settle().await;
    for _ in 0..300 {
        assert!(
            cache.valid_token().is_some(),
            "dead after {:?}",
            script.started.elapsed()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_has_nothing_to_do_until_a_request_may_be_sent() {
    let script = Script::new(
        [Answer::Late(s(1), HOUR), Answer::Failure],
        Answer::Token(HOUR),
    );
    let cache = script.cache();
    assert_eq!(cache.next_refresh_in(), Some(Duration::ZERO), "no token");
    cache.cached();
    assert_eq!(cache.next_refresh_in(), None, "a request is under way");
    cache.get(TIMEOUT).await.expect("a token");
    let idle = cache.next_refresh_in().expect("by time");
    let due = s(3_300)..=s(3_360);
    assert!(due.contains(&idle), "{idle:?}");
    advance(idle).await;
    cache.cached();
    settle().await;
    let pause = cache.next_refresh_in().expect("by time");
    // A tenth of the 240 s to 300 s that remain, ± 10 %.
    let interval = s(21)..=s(33);
    assert!(interval.contains(&pause), "after a failure: {pause:?}");
    assert_eq!(script.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_is_notified_of_each_request() {
    let script = Script::new([Answer::Token(HOUR), Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    let mut updates = cache.subscribe();
    for requests in 1..=3 {
        while script.requests() < requests {
            cache.cached();
            settle().await;
            advance(s(600)).await;
        }
        assert_eq!(updates.changed().now_or_never(), Some(true));
        assert_eq!(updates.count(), u64::from(requests));
    }
}
