//! Requests that fail while no token is valid: which are sent again for a caller that has time left, and when.

use std::time::Duration;

use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};
use crate::{Error, ErrorKind, token::TokenCache};

/// Of the backoff without jitter: 1, 2, 4 s; the first is longer if the endpoint asks for that.
const THREE_STEPS: Duration = s(2 + 2 + 4);

async fn crowd(cache: &TokenCache) -> Vec<Result<u64, Error>> {
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(TIMEOUT).await.map(|token| token.generation()) })
        })
        .collect();
    let mut results = Vec::new();
    for caller in callers {
        results.push(caller.await.expect("no panic"));
    }
    results
}

#[rstest]
#[case::unreachable(Answer::Failure)]
#[case::not_found(Answer::Status(404))]
#[case::request_timeout(Answer::Status(408))]
#[case::gone(Answer::Status(410))]
#[case::too_many_requests(Answer::Status(429))]
#[case::throttled_for_a_moment(Answer::Throttled("2"))]
#[case::internal_error(Answer::Status(500))]
#[case::bad_gateway(Answer::Status(502))]
#[case::unavailable(Answer::Status(503))]
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_not_there_yet_fails_no_caller_that_has_time(#[case] fault: Answer) {
    let script = Script::new([fault; 3], Answer::Token(HOUR));
    let cache = script.cache();
    let results = crowd(&cache).await;
    assert!(
        results
            .iter()
            .all(|result| result.as_ref().ok() == Some(&1))
    );
    assert_eq!(script.requests(), 4, "one at a time for all");
    let took = script.started.elapsed();
    assert!(took <= THREE_STEPS, "{took:?}");
}

#[rstest]
#[case::bad_request(Answer::Status(400), "HTTP 400")]
#[case::unauthorized(Answer::Status(401), "HTTP 401")]
#[case::forbidden(Answer::Status(403), "HTTP 403")]
#[case::throttled_for_longer_than_a_caller_waits(Answer::Throttled("16"), "HTTP 429")]
#[case::throttled_for_an_hour(Answer::Throttled("3600"), "HTTP 429")]
#[case::throttled_for_ever(Answer::Throttled("18446744073709551615"), "HTTP 429")]
#[case::panic(Answer::Panic, "panicked")]
#[case::empty(Answer::Empty, "empty token")]
#[case::expired(Answer::ExpiredOnArrival, "expired")]
#[tokio::test(start_paused = true)]
async fn what_a_retry_cannot_help_is_reported_at_once_and_inside_the_backoff(
    #[case] fault: Answer,
    #[case] message: &str,
) {
    let script = Script::new([], fault);
    let cache = script.cache();
    for _ in 0..20 {
        let error = cache.get(TIMEOUT).await.expect_err("no token");
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(script.started.elapsed(), Duration::ZERO);
    assert_eq!(script.requests(), 1);
}

#[rstest]
#[case::fails(Answer::Status(503))]
#[case::asks_for_less_than_a_caller_has(Answer::Throttled("3"))]
#[tokio::test(start_paused = true)]
async fn a_caller_whose_time_is_over_gets_the_last_error(#[case] fault: Answer) {
    let script = Script::new([], fault);
    let results = crowd(&script.cache()).await;
    for result in results {
        let error = result.expect_err("no token");
        assert_eq!(error.kind(), ErrorKind::TokenRequest);
        assert!(error.to_string().contains("HTTP"), "{error}");
    }
    assert!(script.started.elapsed() <= TIMEOUT);
    assert!((3..=40).contains(&script.requests()));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_after_a_failure_is_reported_with_the_failure() {
    let script = Script::new([Answer::Status(503)], Answer::Hang);
    let error = script.cache().get(TIMEOUT).await.expect_err("no token");
    assert_eq!(script.started.elapsed(), TIMEOUT);
    assert!(error.to_string().contains("HTTP 503"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_the_backoff_gets_the_token_that_another_has_fetched() {
    let script = Script::new([Answer::Throttled("9")], Answer::Token(HOUR));
    let cache = script.cache();
    let waiting = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get(TIMEOUT).await }
    });
    settle().await;
    // The other's clock says that the backoff is over.
    script.thaw_after(s(20));
    cache.get(TIMEOUT).await.expect("a token");
    let token = waiting.await.expect("no panic").expect("a token");
    assert_eq!(token.secret(), "token-2");
    assert_eq!(script.started.elapsed(), Duration::ZERO);
}

#[rstest]
#[case::unreachable(Answer::Failure)]
#[case::internal_error(Answer::Status(500))]
#[case::refuses(Answer::Status(400))]
#[case::throttled_for_half_a_minute(Answer::Throttled("30"))]
#[case::throttled_for_an_hour(Answer::Throttled("3600"))]
#[case::throttled_until_a_date(Answer::Throttled("Fri, 01 Jan 2100 00:00:00 GMT"))]
#[case::garbage(Answer::Empty)]
#[case::hangs(Answer::Hang)]
#[tokio::test(start_paused = true)]
async fn recovery_takes_one_backoff_step(#[case] fault: Answer) {
    for failures in 1..=8_u32 {
        let script = Script::new(vec![fault; failures as usize], Answer::Token(HOUR));
        let cache = script.cache();
        // Since the last request to the endpoint that is ill.
        let mut well = None;
        while cache.get(s(1)).await.is_err() {
            if script.requests() == failures {
                well.get_or_insert_with(Instant::now);
            }
            sleep(Duration::from_millis(100)).await;
        }
        let recovered = well.map_or(Duration::ZERO, |well| well.elapsed());
        assert!(recovered <= s(11), "{failures} failures: {recovered:?}");
        assert_eq!(script.requests(), failures + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_valid_token_is_not_waited_for_while_its_refresh_is_retried() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Status(503));
    let cache = script.cache();
    cache.get(TIMEOUT).await.expect("a token");
    sleep(s(3_400)).await;
    let begun = Instant::now();
    for _ in 0..50 {
        cache.get(TIMEOUT).await.expect("it is still valid");
        settle().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(script.requests(), 2);
}
