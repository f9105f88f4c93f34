//! Any sequence of successes, failures, repeated tokens, clock jumps and rejections, through the real cache.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use tokio::time::{Instant, sleep};

use super::script::{Answer, HOUR, Script, TIMEOUT, s, settle};
use crate::token::{TokenCache, policy::SHORTEST_WAIT};

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    /// The wall clock goes on, the monotonic one does not.
    Thaw(u64),
    Reject,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_u64..=400).prop_map(Step::Wait),
        1 => (1_u64..=4_000).prop_map(Step::Thaw),
        1 => Just(Step::Reject),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (1_u64..=7_200).prop_map(|lifetime| Answer::Token(s(lifetime))),
        (1_u64..=20_000).prop_map(|lifetime| Answer::Same(s(lifetime))),
        Just(Answer::Failure),
        prop_oneof![Just(400), Just(404), Just(429), Just(503)].prop_map(Answer::Status),
        prop_oneof![Just("2"), Just("20"), Just("3600")].prop_map(Answer::Throttled),
        Just(Answer::Hang),
        (1_u64..=20).prop_map(|delay| Answer::Late(s(delay), HOUR)),
        Just(Answer::Empty),
        Just(Answer::ExpiredOnArrival),
    ]
}

/// Everybody asks at once. Without time passing that makes one request.
async fn crowd(script: &Arc<Script>, cache: &TokenCache) {
    let (begun, before) = (Instant::now(), script.requests());
    let mut newest = 0;
    for _ in 0..20 {
        // One that is about to expire may do so while its caller waits for the next.
        let lives = cache
            .valid_token()
            .filter(|token| token.expires_on() > script.now() + s(1));
        let asked = Instant::now();
        match cache.get(TIMEOUT).await {
            Ok(token) => {
                assert!(
                    token.expires_on() > script.now(),
                    "a dead token was handed out"
                );
                assert!(token.generation() >= newest, "a generation went back");
                newest = token.generation();
            }
            Err(error) => assert!(lives.is_none(), "a living token was withheld: {error}"),
        }
        let waited = asked.elapsed();
        assert!(
            waited <= TIMEOUT,
            "a caller waited for {waited:?}, past its deadline"
        );
        assert!(
            lives.is_none() || waited <= s(5),
            "a living token was waited for, {waited:?}"
        );
        settle().await;
        // What was given up has been dropped by now.
        assert!(script.in_flight() <= 2, "three requests at a time");
    }
    let waits = begun.elapsed().as_millis() / SHORTEST_WAIT.as_millis();
    let requests = u128::from(script.requests() - before);
    assert!(
        requests <= 1 + waits,
        "{requests} requests in {:?}",
        begun.elapsed()
    );
}

async fn live_through(steps: Vec<Step>, answers: Vec<Answer>) {
    let script = Script::new(answers, Answer::Token(HOUR));
    let cache = script.cache();
    let (begun, mut forced) = (script.now(), 0);
    for step in steps {
        crowd(&script, &cache).await;
        match step {
            Step::Wait(seconds) => sleep(s(seconds)).await,
            Step::Thaw(seconds) => script.thaw_after(s(seconds)),
            Step::Reject => {
                let Some(rejected) = cache.valid_token() else {
                    continue;
                };
                let (before, asked) = (script.requests(), Instant::now());
                let newer = cache.refresh_rejected(&rejected, TIMEOUT).await;
                forced += u64::from(newer.is_some());
                assert!(newer.is_none_or(|newer| newer.generation() > rejected.generation()));
                assert!(asked.elapsed() <= TIMEOUT, "past its deadline");
                let waits = asked.elapsed().as_millis() / SHORTEST_WAIT.as_millis();
                let requests = u128::from(script.requests() - before);
                assert!(requests <= 1 + waits, "{requests} requests for a rejection");
                // What fails does not count; the backoff spaces it. The time of a machine that sleeps passes, too.
                let passed = script.now().duration_since(begun).unwrap_or_default();
                let allowed = 2 + passed.as_secs() / 30;
                assert!(forced <= allowed, "{forced} forced, {allowed} allowed");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_valid_token_is_never_withheld_and_no_caller_makes_a_hot_loop(
        steps in vec(step(), 1..30),
        answers in vec(answer(), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(live_through(steps, answers));
    }
}
