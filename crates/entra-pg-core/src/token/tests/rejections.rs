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

#[tokio::test(start_paused = true)]
async fn a_rejection_that_brings_the_same_token_ends_the_retry() {
    let script = Script::new([], Answer::Same(HOUR));
    let cache = script.cache();
    let rejected = cache.get(TIMEOUT).await.expect("a token");
    for _ in 0..20 {
        assert!(cache.refresh_rejected(&rejected, TIMEOUT).await.is_none());
        assert!(cache.get(TIMEOUT).await.is_ok(), "others may still use it");
    }
    assert_eq!(script.requests(), 2);
    assert_eq!(script.started.elapsed(), Duration::ZERO);
}

#[rstest]
#[case::fails(Answer::Failure)]
#[case::unavailable(Answer::Status(503))]
#[case::throttles_for_a_moment(Answer::Throttled("2"))]
#[case::hangs(Answer::Hang)]
#[tokio::test(start_paused = true)]
async fn a_rejection_during_an_outage_is_over_one_step_after_it(#[case] fault: Answer) {
    let lifetime = s(86_400);
    for failures in 1..=8 {
        let answers = std::iter::once(Answer::Token(lifetime)).chain([fault].repeat(failures));
        let script = Script::new(answers, Answer::Token(lifetime));
        let cache = script.cache();
        let rejected = cache.get(TIMEOUT).await.expect("a token");
        // It is revoked while the endpoint is ill, and callers connect all the time.
        let mut well = None;
        loop {
            let before = script.requests();
            if let Some(newer) = cache.refresh_rejected(&rejected, TIMEOUT).await {
                assert_eq!(newer.generation(), 2);
                break;
            }
            assert!(cache.get(TIMEOUT).await.is_ok(), "others may still use it");
            assert!(script.requests() - before <= 40, "a hot loop");
            if script.requests() > u32::try_from(failures).expect("few") {
                well.get_or_insert(Instant::now());
            }
            sleep(Duration::from_millis(100)).await;
        }
        let recovered = well.map_or(Duration::ZERO, |well| well.elapsed());
        assert!(recovered <= s(11), "{failures} failures: {recovered:?}");
        assert!(script.most_in_flight() <= 2);
    }
}

#[rstest]
#[case::throttled_for_an_hour(Answer::Throttled("3600"))]
#[case::refuses(Answer::Status(400))]
#[tokio::test(start_paused = true)]
async fn a_rejection_for_which_no_request_can_help_now_is_answered_at_once(#[case] fault: Answer) {
    let script = Script::new([Answer::Token(s(86_400)), fault], Answer::Token(s(86_400)));
    let cache = script.cache();
    let rejected = cache.get(TIMEOUT).await.expect("a token");
    for _ in 0..20 {
        assert!(cache.refresh_rejected(&rejected, TIMEOUT).await.is_none());
    }
    assert_eq!(script.started.elapsed(), Duration::ZERO);
    assert_eq!(script.requests(), 2);
    // And is over after one step of the backoff.
    sleep(s(10)).await;
    let newer = cache.refresh_rejected(&rejected, TIMEOUT).await;
    assert_eq!(newer.expect("a newer token").generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_always_refused_takes_nothing_from_the_others() {
    let script = Script::new([], Answer::Token(s(86_400)));
    let cache = script.cache();
    let mut token = cache.get(TIMEOUT).await.expect("a token");
    for _ in 0..20 {
        let newer = cache
            .refresh_rejected_for("nobody@here", &token, TIMEOUT)
            .await;
        token = newer.unwrap_or(token);
    }
    assert_eq!(script.requests(), 3, "its two at once are spent");
    for revoked in 1..=5 {
        let newer = cache
            .refresh_rejected_for("app@here", &token, TIMEOUT)
            .await;
        token = newer.unwrap_or_else(|| panic!("revocation {revoked} is not answered"));
        cache.accepted("app@here");
    }
    assert!(script.started.elapsed() <= s(10), "a second each");
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
    assert!(script.requests() <= 33, "{}", script.requests());
}

#[tokio::test(start_paused = true)]
async fn any_number_of_logins_that_are_refused_makes_no_storm() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    for second in 0..100 {
        for guess in 0..10 {
            let token = cache.get(TIMEOUT).await.expect("a token");
            let login = format!("guess-{second}-{guess}@here");
            cache
                .refresh_rejected_for(&login, &token, Duration::from_millis(100))
                .await;
        }
    }
    let seconds = u32::try_from(script.started.elapsed().as_secs()).expect("few");
    assert!(script.requests() <= seconds + 3, "{}", script.requests());
}
