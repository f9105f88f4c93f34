use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use futures::FutureExt;
use rstest::rstest;
use tokio::time::{Instant, advance, sleep};

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const PATIENCE: Duration = s(15);

/// What the scripted endpoint does with one request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Token(Duration),
    /// Always the same one, which lives so long from the script's beginning on.
    Same(Duration),
    Late(Duration, Duration),
    Empty,
    ExpiredOnArrival,
    Failure,
    Panic,
    Hang,
}

#[derive(Debug)]
struct Script {
    started: Instant,
    wall: SystemTime,
    /// How far the wall clock has been moved forward, beyond what has passed.
    jump: Mutex<Duration>,
    requests: AtomicU32,
    answers: Mutex<VecDeque<Answer>>,
    otherwise: Answer,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>, otherwise: Answer) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + s(1_000_000),
            jump: Mutex::default(),
            requests: AtomicU32::new(0),
            answers: Mutex::new(answers.into_iter().collect()),
            otherwise,
        })
    }

    fn now(&self) -> SystemTime {
        self.wall + self.started.elapsed() + *self.jump.lock().expect("no panic under this lock")
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    fn cache(self: &Arc<Self>) -> TokenCache {
        let clock = Arc::clone(self);
        TokenCache::new(
            Credential::given(Arc::clone(self) as Arc<dyn TokenCredential>),
            Scope::for_host("localhost"),
            RefreshPolicy::default(),
            Clock::new(move || clock.now()),
        )
    }

    fn token(&self, name: &str, lifetime: Duration) -> AccessToken {
        AccessToken::new(Secret::new(name.to_owned()), (self.now() + lifetime).into())
    }
}

#[async_trait::async_trait]
impl TokenCredential for Script {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = self
            .answers
            .lock()
            .expect("no panic under this lock")
            .pop_front()
            .unwrap_or(self.otherwise);
        let name = format!("token-{number}");
        match answer {
            Answer::Token(lifetime) => Ok(self.token(&name, lifetime)),
            Answer::Same(lifetime) => Ok(AccessToken::new(
                Secret::new("same"),
                (self.wall + lifetime).into(),
            )),
            Answer::Late(delay, lifetime) => {
                sleep(delay).await;
                Ok(self.token(&name, lifetime))
            }
            Answer::Empty => Ok(self.token("", s(3_600))),
            Answer::ExpiredOnArrival => Ok(AccessToken::new(
                Secret::new(name),
                (self.now() - s(7_200)).into(),
            )),
            Answer::Failure => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Io,
                "scripted failure",
            )),
            Answer::Panic => panic!("scripted panic"),
            Answer::Hang => std::future::pending().await,
        }
    }
}

const HOUR: Duration = s(3_600);

async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_costs_no_request() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    for _ in 0..100 {
        cache.get(PATIENCE).await.expect("a token");
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_makes_one_request_for_a_thousand_callers() {
    let script = Script::new([], Answer::Late(s(2), HOUR));
    let cache = script.cache();
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(PATIENCE).await.map(|t| t.generation()) })
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
    cache.get(PATIENCE).await.expect("a token");
    advance(s(3_400)).await;
    let before = Instant::now();
    for _ in 0..50 {
        assert_eq!(
            cache.get(PATIENCE).await.expect("a token").secret(),
            "token-1"
        );
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    sleep(s(11)).await;
    assert_eq!(
        cache.get(PATIENCE).await.expect("a token").secret(),
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
    cache.get(PATIENCE).await.expect("a token");
    while script.now() < script.wall + HOUR - s(1) {
        cache.get(PATIENCE).await.expect("the token still lives");
        sleep(Duration::from_millis(500)).await;
    }
    let failures = script.requests() - 1;
    assert!(
        (3..=120).contains(&failures),
        "{failures} retries in the last five minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_endpoints_own_error_comes_at_once_inside_the_backoff() {
    let script = Script::new([], Answer::Failure);
    let cache = script.cache();
    for _ in 0..20 {
        let before = Instant::now();
        let error = cache.get(PATIENCE).await.expect_err("the endpoint is down");
        assert!(error.to_string().contains("scripted failure"), "{error}");
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn recovery_takes_one_backoff_step() {
    let script = Script::new([Answer::Failure; 6], Answer::Token(HOUR));
    let cache = script.cache();
    while cache.get(PATIENCE).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    let limit = s(1 + 2 + 4 + 8 + 10 + 10 + 1);
    assert!(
        script.started.elapsed() < limit,
        "{:?}",
        script.started.elapsed()
    );
    assert_eq!(script.requests(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_not_handed_out() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Failure);
    let cache = script.cache();
    cache.get(PATIENCE).await.expect("a token");
    advance(HOUR).await;
    assert!(cache.get(PATIENCE).await.is_err());
    assert!(cache.poll().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_caller_does_not_cancel_the_request() {
    let script = Script::new([], Answer::Late(s(5), HOUR));
    let cache = script.cache();
    for _ in 0..100 {
        let caller = cache.clone();
        let task = tokio::spawn(async move { caller.get(PATIENCE).await });
        settle().await;
        task.abort();
    }
    assert!(cache.get(PATIENCE).await.is_ok());
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_started_a_refresh_may_go_away_a_thousand_times() {
    let script = Script::new([], Answer::Late(s(1), s(60)));
    let cache = script.cache();
    for round in 1..=1_000 {
        let starter = cache.clone();
        let starter = tokio::spawn(async move { starter.get(PATIENCE).await });
        settle().await;
        starter.abort();
        let token = cache.get(PATIENCE).await.expect("the refresh completes");
        assert_eq!(token.generation(), round);
        advance(s(60)).await;
    }
    assert_eq!(script.requests(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn an_impatient_caller_gets_an_error_and_the_next_one_the_token() {
    let script = Script::new([], Answer::Late(s(20), HOUR));
    let cache = script.cache();
    let error = cache.get(s(15)).await.expect_err("too slow");
    assert_eq!(error.kind(), ErrorKind::TokenTimeout);
    assert!(cache.get(s(15)).await.is_ok());
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_endpoint_is_given_up() {
    let script = Script::new([], Answer::Hang);
    let cache = script.cache();
    let error = cache.get(s(200)).await.expect_err("nothing came");
    assert_eq!(script.started.elapsed(), s(75));
    assert!(error.to_string().contains("75 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_credential_is_reported_and_not_called_in_a_loop() {
    let script = Script::new([], Answer::Panic);
    let cache = script.cache();
    for _ in 0..10 {
        let error = cache.get(PATIENCE).await.expect_err("it panics");
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_token_makes_no_hot_loop() {
    let script = Script::new([], Answer::Same(s(600)));
    let cache = script.cache();
    cache.get(PATIENCE).await.expect("a token");
    let end = Instant::now() + s(590);
    while Instant::now() < end {
        assert_eq!(cache.get(PATIENCE).await.expect("a token").generation(), 1);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        (20..=80).contains(&script.requests()),
        "{}",
        script.requests()
    );
}

#[tokio::test(start_paused = true)]
async fn clock_skew_is_named() {
    let script = Script::new([], Answer::ExpiredOnArrival);
    let error = script.cache().get(PATIENCE).await.expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::UnusableToken);
    assert!(error.to_string().contains("clock"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_forces_one_request_however_many_ask() {
    let script = Script::new([], Answer::Late(s(1), HOUR));
    let cache = script.cache();
    let rejected = cache.get(PATIENCE).await.expect("a token");
    let askers: Vec<_> = (0..50)
        .map(|_| {
            let (cache, rejected) = (cache.clone(), rejected.clone());
            tokio::spawn(async move { cache.newer_than(&rejected, PATIENCE).await })
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
    let rejected = cache.get(PATIENCE).await.expect("a token");
    for _ in 0..20 {
        assert!(cache.newer_than(&rejected, PATIENCE).await.is_none());
        assert!(cache.get(PATIENCE).await.is_ok(), "others may still use it");
    }
    assert_eq!(script.requests(), requests);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_makes_no_storm() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    let end = Instant::now() + s(300);
    while Instant::now() < end {
        let token = cache.get(PATIENCE).await.expect("a token");
        cache.newer_than(&token, PATIENCE).await;
        sleep(Duration::from_millis(200)).await;
    }
    assert!(script.requests() <= 13, "{}", script.requests());
}

#[tokio::test(start_paused = true)]
async fn keep_warm_refreshes_unasked_and_ends_with_the_last_handle() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    cache.keep_warm().expect("in a runtime");
    sleep(s(3_600 * 5)).await;
    assert!(
        (5..=6).contains(&script.requests()),
        "{}",
        script.requests()
    );
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    assert_eq!(tasks(), 1);
    drop(cache);
    settle().await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_the_last_handle() {
    let script = Script::new([], Answer::Hang);
    let cache = script.cache();
    assert!(cache.poll().is_none());
    settle().await;
    drop(cache);
    settle().await;
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        0
    );
}

#[test]
fn a_runtime_that_dies_with_the_request_strands_nobody() {
    let new_runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let script = Script::new([Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    let first = new_runtime();
    first.block_on(async {
        assert!(cache.poll().is_none());
        settle().await;
    });
    drop(first);
    let token = new_runtime().block_on(cache.get(PATIENCE));
    assert_eq!(token.expect("a token").secret(), "token-2");
}

#[test]
fn a_call_outside_of_a_runtime_does_not_panic() {
    let script = Script::new([], Answer::Token(HOUR));
    assert!(script.cache().poll().is_none());
    assert!(script.cache().keep_warm().is_err());
    let cache = script.cache();
    let error = cache.get(PATIENCE).now_or_never().expect("does not wait");
    assert_eq!(error.expect_err("no runtime").kind(), ErrorKind::Runtime);
}

#[tokio::test(start_paused = true)]
async fn debug_output_holds_no_token() {
    let script = Script::new([], Answer::Same(HOUR));
    let cache = script.cache();
    let token = cache.get(PATIENCE).await.expect("a token");
    assert!(!format!("{cache:?} {token:?}").contains("same"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_process_is_not_called_ill_for_a_token_that_nobody_needed() {
    let script = Script::new([], Answer::Token(HOUR));
    let cache = script.cache();
    assert!(cache.status().is_healthy(), "nothing was asked for yet");
    cache.get(PATIENCE).await.expect("a token");
    advance(HOUR + HOUR).await;
    let idle = cache.status();
    assert!(idle.valid_until.is_none() && idle.is_healthy());
}

#[tokio::test(start_paused = true)]
async fn a_health_check_sees_the_error_behind_a_token_that_still_lives() {
    let script = Script::new([Answer::Token(HOUR)], Answer::Failure);
    let cache = script.cache();
    assert!(cache.status().valid_until.is_none());
    cache.get(PATIENCE).await.expect("a token");
    let healthy = cache.status();
    assert_eq!(healthy.valid_until, Some(script.wall + HOUR));
    assert_eq!(healthy.last_refresh, Some(script.wall));
    assert!(healthy.last_error.is_none());
    advance(s(3_400)).await;
    cache.get(PATIENCE).await.expect("a token");
    settle().await;
    let ailing = cache.status();
    assert!(ailing.valid_until.is_some() && ailing.last_error.is_some());
    assert_eq!(ailing.last_attempt, Some(script.wall + s(3_400)));
    assert_eq!(ailing.failures, 1);
    assert!(ailing.is_healthy(), "the token still lives");
    advance(HOUR).await;
    let ill = cache.status();
    assert!(ill.valid_until.is_none() && !ill.is_healthy());
    assert_eq!(script.requests(), 2, "looking requests nothing");
}

impl Script {
    /// The wall clock moves, the monotonic one does not: what a frozen process sees.
    fn thaw_after(&self, by: Duration) {
        *self.jump.lock().expect("no panic under this lock") += by;
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_request_that_fails_does_not_condemn_the_token_for_its_life() {
    let script = Script::new(
        [Answer::Token(s(86_400)), Answer::Failure],
        Answer::Token(s(86_400)),
    );
    let cache = script.cache();
    let rejected = cache.get(PATIENCE).await.expect("a token");
    assert!(cache.newer_than(&rejected, PATIENCE).await.is_none());
    let newer = cache.newer_than(&rejected, PATIENCE).await;
    assert_eq!(newer.expect("the second of the burst").secret(), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_thawed_process_does_not_wait_out_a_backoff_from_before() {
    let script = Script::new([Answer::Token(HOUR), Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    cache.get(PATIENCE).await.expect("a token");
    advance(s(3_400)).await;
    cache
        .get(PATIENCE)
        .await
        .expect("a token; its refresh fails");
    settle().await;
    script.thaw_after(s(7_200));
    let before = Instant::now();
    assert_eq!(
        cache.get(PATIENCE).await.expect("a token").secret(),
        "token-3"
    );
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_connection_died_in_a_freeze_is_replaced() {
    let script = Script::new([Answer::Hang], Answer::Token(HOUR));
    let cache = script.cache();
    assert!(cache.poll().is_none());
    settle().await;
    script.thaw_after(s(600));
    assert_eq!(
        cache.get(PATIENCE).await.expect("a token").secret(),
        "token-2"
    );
    assert_eq!(script.started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_token_whose_end_was_misjudged_is_not_asked_for_in_a_loop() {
    let script = Script::new([], Answer::Same(HOUR));
    let cache = script.cache();
    // Fetched while the wall clock was 50 minutes ahead, so that it seemed to live for ten.
    script.thaw_after(s(3_000));
    cache.get(PATIENCE).await.expect("a token");
    *script.jump.lock().expect("no panic under this lock") = Duration::ZERO;
    advance(s(700)).await;
    for _ in 0..1_000 {
        cache
            .get(PATIENCE)
            .await
            .expect("the endpoint says that it lives");
        sleep(Duration::from_millis(60)).await;
    }
    assert!(cache.status().valid_until.is_some());
    assert!(script.requests() <= 3, "{}", script.requests());
}

#[tokio::test(start_paused = true)]
async fn a_timer_has_nothing_to_do_until_a_request_may_be_sent() {
    let script = Script::new(
        [Answer::Late(s(1), HOUR), Answer::Failure],
        Answer::Token(HOUR),
    );
    let cache = script.cache();
    assert_eq!(cache.idle_for(), Duration::ZERO, "no token");
    cache.poll();
    assert_eq!(cache.idle_for(), Duration::MAX, "a request is under way");
    cache.get(PATIENCE).await.expect("a token");
    let idle = cache.idle_for();
    let due = s(3_300)..=s(3_360);
    assert!(due.contains(&idle), "{idle:?}");
    advance(idle).await;
    cache.poll();
    settle().await;
    let pause = cache.idle_for();
    // A tenth of the 240 s to 300 s that remain, ± 10 %.
    let interval = s(21)..=s(33);
    assert!(interval.contains(&pause), "after a failure: {pause:?}");
    assert_eq!(script.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_landings_hears_of_each() {
    let script = Script::new([Answer::Token(HOUR), Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    let mut landings = cache.landings();
    for landed in 1..=3 {
        while script.requests() < landed {
            cache.poll();
            settle().await;
            advance(s(600)).await;
        }
        assert!(landings.has_changed().expect("the cache lives"));
        assert_eq!(*landings.borrow_and_update(), u64::from(landed));
    }
}

#[tokio::test(start_paused = true)]
async fn keep_warm_notices_a_failure_at_once() {
    let script = Script::new([Answer::Failure, Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    cache.keep_warm().expect("in a runtime");
    while cache.status().valid_until.is_none() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        script.started.elapsed() <= s(1 + 2 + 1),
        "{:?}",
        script.started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn keep_warm_does_not_sleep_through_the_end_of_a_repeated_token() {
    let script = Script::new([Answer::Token(s(20)), Answer::Failure], Answer::Token(HOUR));
    let cache = script.cache();
    cache.keep_warm().expect("in a runtime");
    settle().await;
    for _ in 0..300 {
        assert!(
            cache.living().is_some(),
            "dead after {:?}",
            script.started.elapsed()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_request_on_a_runtime_that_nobody_drives_is_replaced() {
    let new_runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let undriven = new_runtime();
    let script = {
        let _guard = undriven.enter();
        Script::new([], Answer::Token(HOUR))
    };
    let cache = script.cache();
    {
        let _guard = undriven.enter();
        assert!(cache.poll().is_none());
    }
    new_runtime().block_on(async {
        assert!(cache.get(PATIENCE).await.is_err());
        script.thaw_after(s(77));
        assert_eq!(
            cache.get(PATIENCE).await.expect("a token").secret(),
            "token-1"
        );
    });
}

#[path = "cache_properties.rs"]
mod properties;
