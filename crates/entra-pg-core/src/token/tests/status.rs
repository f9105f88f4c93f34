//! What a health check and a log see.

use tokio::time::advance;

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};

#[tokio::test(start_paused = true)]
async fn an_idle_process_stays_healthy_without_a_token() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    assert!(cache.status().is_healthy(), "nothing was requested yet");
    cache.get(TIMEOUT).await.expect("a token");
    advance(HOUR + HOUR).await;
    let idle = cache.status();
    assert!(idle.expires_on.is_none() && idle.is_healthy());
}

#[tokio::test(start_paused = true)]
async fn a_health_check_sees_the_error_behind_a_token_that_still_lives() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Failure);
    let cache = script.cache();
    assert!(cache.status().expires_on.is_none());
    cache.get(TIMEOUT).await.expect("a token");
    let healthy = cache.status();
    assert_eq!(healthy.expires_on, Some(script.wall + HOUR));
    assert_eq!(healthy.last_refresh, Some(script.wall));
    assert!(healthy.last_error.is_none());
    advance(s(3_400)).await;
    cache.get(TIMEOUT).await.expect("a token");
    settle().await;
    let ailing = cache.status();
    assert!(ailing.expires_on.is_some() && ailing.last_error.is_some());
    assert_eq!(ailing.last_attempt, Some(script.wall + s(3_400)));
    assert_eq!(ailing.failures, 1);
    assert!(ailing.is_healthy(), "the token still lives");
    advance(HOUR).await;
    let ill = cache.status();
    assert!(ill.expires_on.is_none() && !ill.is_healthy());
    assert_eq!(script.requests(), 2, "looking requests nothing");
}

#[tokio::test(start_paused = true)]
async fn debug_output_holds_no_token() {
    let script = Script::new([], Answer::Same(HOUR));
    let cache = script.cache();
    let token = cache.get(TIMEOUT).await.expect("a token");
    assert!(!format!("{cache:?} {token:?}").contains("same"));
}
