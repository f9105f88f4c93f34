//! Callers that need a token.

use std::{sync::mpsc, thread, time::Duration};

use futures::FutureExt;
use rstest::rstest;
use tokio::time::{Instant, advance, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};
use crate::ErrorKind;

#[tokio::test(start_paused = true)]
async fn a_fresh_token_costs_no_request() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    for _ in 0..100 {
        cache.get(TIMEOUT).await.expect("a token");
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_is_returned_while_somebody_holds_the_lock() {
    let cache = Script::new([], Answer::Token(HOUR)).cache();
    cache.get(TIMEOUT).await.expect("a token");
    let (sender, receiver) = mpsc::channel();
    let caller = cache.clone();
    let token = cache.while_locked(|| {
        thread::spawn(move || sender.send(caller.get(TIMEOUT).now_or_never()));
        receiver.recv_timeout(Duration::from_secs(60))
    });
    let token = token.expect("it takes no lock").expect("at once");
    assert_eq!(token.expect("it is fresh").secret(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_makes_one_request_for_a_thousand_callers() {
    let script = Script::new([], Answer::Late(s(2), HOUR));
    let cache = script.cache();
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(TIMEOUT).await.map(|t| t.generation()) })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic").ok(), Some(1));
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_caller_waits_for_a_slow_refresh() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Late(s(10), HOUR));
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    advance(s(3_400)).await;
    let before = Instant::now();
    for _ in 0..50 {
        assert_eq!(
            cache.get(TIMEOUT).await.expect("a token").secret(),
            "token-1"
        );
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    sleep(s(11)).await;
    assert_eq!(
        cache.get(TIMEOUT).await.expect("a token").secret(),
        "token-2"
    );
    assert_eq!(script.requests(), 2);
}

#[rstest]
#[case(Answer::Failure)]
#[case(Answer::Panic)]
#[case(Answer::Empty)]
#[case(Answer::ExpiredOnArrival)]
#[case(Answer::Hang)]
#[tokio::test(start_paused = true)]
async fn a_failed_refresh_never_surfaces_while_the_token_lives(#[case] fault: Answer) {
    let script = Script::new([Answer::Token(HOUR)], fault);
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    while script.now() < script.wall + HOUR - s(1) {
        cache.get(TIMEOUT).await.expect("the token still lives");
        sleep(Duration::from_millis(500)).await;
    }
    let failures = script.requests() - 1;
    assert!(
        (3..=120).contains(&failures),
        "{failures} retries in the last five minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_not_handed_out() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Failure);
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    advance(HOUR).await;
    assert!(cache.get(TIMEOUT).await.is_err());
    assert!(cache.cached().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_caller_does_not_cancel_the_request() {
    let script = Script::new([], Answer::Late(s(2), HOUR));
    let cache = script.cache();
    for _ in 0..100 {
        let caller = cache.clone();
        let task = tokio::spawn(async move { caller.get(TIMEOUT).await });
        settle().await;
        task.abort();
    }
    assert!(cache.get(TIMEOUT).await.is_ok());
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_caller_that_started_a_refresh_may_go_away_a_thousand_times() {
    let script = Script::new([], Answer::Late(s(1), s(60)));
    let cache = script.cache();
    for round in 1..=1_000 {
        let starter = cache.clone();
        let starter = tokio::spawn(async move { starter.get(TIMEOUT).await });
        settle().await;
        starter.abort();
        let token = cache.get(TIMEOUT).await.expect("the refresh completes");
        assert_eq!(token.generation(), round);
        advance(s(60)).await;
    }
    assert_eq!(script.requests(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_caller_times_out_and_the_next_one_gets_the_token() {
    let script = Script::new([], Answer::Late(s(20), HOUR));
    let cache = script.cache();
    let error = cache.get(s(15)).await.expect_err("too slow");
    assert_eq!(error.kind(), ErrorKind::TokenTimeout);
    assert_eq!(cache.get(s(15)).await.expect("a token").secret(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_hanging_endpoint_times_out_and_is_sent_again() {
    let script = Script::new([Answer::Hang], Answer::Failure);
    let cache = script.cache();
    let mut updates = cache.subscribe();
    assert!(cache.cached().is_none());
    assert!(updates.changed().await);
    assert_eq!(script.started.elapsed(), s(75));
    let error = cache.status().last_error.expect("it has failed");
    assert!(error.to_string().contains("75 s"), "{error}");
    let error = cache.get(TIMEOUT).await.expect_err("the next fails too");
    assert!(error.to_string().contains("scripted failure"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_token_makes_no_hot_loop() {
    let script = Script::new([], Answer::Same(s(600)));
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    let end = Instant::now() + s(590);
    while Instant::now() < end {
        assert_eq!(cache.get(TIMEOUT).await.expect("a token").generation(), 1);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        (20..=80).contains(&script.requests()),
        "{}",
        script.requests()
    );
}
