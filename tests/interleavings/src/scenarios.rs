//! What happens at the same time, and what must hold however it is interleaved. Each scenario is one execution of the
//! checker; none depends on real time.
//!
//! Everywhere: one request at a time, nobody waits for ever (the checker finds a deadlock), every task ends with the last
//! handle.

#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is how a scenario says that something does not hold"
)]

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use shuttle::future::{JoinHandle, block_on, spawn};

use crate::{
    Error, ErrorKind, RefreshPolicy, Scope, Token, TokenCache,
    credential::Credential,
    sync::{
        Instant, scheduling_point, tasks,
        time::{self, NEVER},
    },
    token::Clock,
};

const HOUR: Duration = Duration::from_secs(3_600);
/// Into the refresh margin of a token of an hour, not into its floor.
const STALE: u64 = 3_400;
const GONE: u64 = 4_000;

/// What the endpoint does with one request. Without a script it hands out a new token.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Token,
    Failure,
    Panic,
    Hang,
}

/// The endpoint, and the wall clock.
#[derive(Debug, Default)]
struct World {
    answers: Mutex<VecDeque<Answer>>,
    requests: AtomicU32,
    in_flight: AtomicU32,
    most_in_flight: AtomicU32,
    jumped: AtomicU64,
}

impl World {
    fn now(&self) -> SystemTime {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        start + Instant::now().since_start() + Duration::from_secs(self.jumped.load(SeqCst))
    }

    /// Time passes that no timer has noticed.
    fn jump(&self, seconds: u64) {
        self.jumped.fetch_add(seconds, SeqCst);
    }

    fn requests(&self) -> u32 {
        self.requests.load(SeqCst)
    }

    fn cache(self: &Arc<Self>, fetch_timeout: Duration) -> TokenCache {
        let time = Arc::clone(self);
        let policy = RefreshPolicy {
            fetch_timeout,
            ..RefreshPolicy::default()
        };
        TokenCache::new(
            Credential::given(Arc::clone(self) as Arc<dyn TokenCredential>),
            Scope::for_host("localhost"),
            policy,
            Clock::new(move || time.now()),
        )
    }
}

/// Counts a request for as long as its future is there.
struct InFlight<'a>(&'a World);

impl<'a> InFlight<'a> {
    fn new(world: &'a World) -> Self {
        let now = world.in_flight.fetch_add(1, SeqCst) + 1;
        world.most_in_flight.fetch_max(now, SeqCst);
        Self(world)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

#[async_trait::async_trait]
impl TokenCredential for World {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let number = self.requests.fetch_add(1, SeqCst) + 1;
        let _in_flight = InFlight::new(self);
        let expires_on = (self.now() + HOUR).into();
        let answer = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        // The network: a place where the task can be dropped.
        shuttle::future::yield_now().await;
        match answer.unwrap_or(Answer::Token) {
            Answer::Token => Ok(AccessToken::new(
                Secret::new(format!("token-{number}")),
                expires_on,
            )),
            Answer::Failure => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Io,
                "scripted failure",
            )),
            // Without a message on standard error for each of many thousand executions.
            Answer::Panic => std::panic::resume_unwind(Box::new("scripted panic")),
            Answer::Hang => std::future::pending().await,
        }
    }
}

/// Runs one execution. `body` gets the cache, with all its handles, and the world.
fn execute<F: Future<Output = ()>>(
    answers: &[Answer],
    fetch_timeout: Duration,
    body: impl FnOnce(TokenCache, Arc<World>) -> F,
) -> Arc<World> {
    tasks::reset();
    time::reset();
    fastrand::seed(7);
    let world = Arc::new(World::default());
    *world.answers.lock().unwrap_or_else(PoisonError::into_inner) =
        answers.iter().copied().collect();
    block_on(async {
        let clock = spawn(time::run());
        body(world.cache(fetch_timeout), Arc::clone(&world)).await;
        tasks::all_ended().await;
        time::stop();
        finished(clock).await;
    });
    assert_eq!(
        world.in_flight.load(SeqCst),
        0,
        "a request outlives the cache"
    );
    world
}

fn one_at_a_time(world: &World) {
    assert_eq!(
        world.most_in_flight.load(SeqCst).max(1),
        1,
        "requests at the same time"
    );
}

async fn finished<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

type Caller = JoinHandle<Result<Token, Error>>;

fn caller(cache: &TokenCache, patience: Duration) -> Caller {
    let cache = cache.clone();
    spawn(async move { cache.get(patience).await })
}

fn rejecter(cache: &TokenCache, rejected: &Token) -> JoinHandle<Option<Token>> {
    let (cache, rejected) = (cache.clone(), rejected.clone());
    spawn(async move { cache.newer_than(&rejected, NEVER).await })
}

async fn token(cache: &TokenCache) -> Token {
    match cache.get(NEVER).await {
        Ok(token) => token,
        Err(error) => panic!("a token was withheld: {error}"),
    }
}

async fn generation(caller: Caller) -> u64 {
    match finished(caller).await {
        Ok(token) => token.generation(),
        Err(error) => panic!("a token was withheld: {error}"),
    }
}

/// Callers that find no token: one request, and all get its token.
pub fn cold_callers(callers: usize) {
    let world = execute(&[], NEVER, async |cache, _| {
        let callers: Vec<_> = (0..callers).map(|_| caller(&cache, NEVER)).collect();
        for caller in callers {
            assert_eq!(generation(caller).await, 1);
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// Callers of an endpoint that fails: one request, and all get its error.
pub fn cold_callers_of_an_endpoint_that_fails(callers: usize) {
    let world = execute(&[Answer::Failure], NEVER, async |cache, _| {
        let callers: Vec<_> = (0..callers).map(|_| caller(&cache, NEVER)).collect();
        for caller in callers {
            let error = finished(caller).await.err().map(|error| error.kind());
            assert_eq!(error, Some(ErrorKind::TokenRequest));
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// A credential that panics ends the request as a failure does.
pub fn a_credential_that_panics() {
    let world = execute(&[Answer::Panic], NEVER, async |cache, _| {
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            assert!(finished(caller).await.is_err());
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// A caller that is dropped at any point takes nothing from the other.
pub fn a_caller_that_goes_away() {
    let world = execute(&[], NEVER, async |cache, _| {
        let (leaves, stays) = (caller(&cache, NEVER), caller(&cache, NEVER));
        leaves.abort();
        assert_eq!(generation(stays).await, 1);
        let _ = leaves.await;
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// The runtime drops the request at any point: a waiter wakes, and one takes over.
pub fn a_request_that_is_lost() {
    let world = execute(&[], NEVER, async |cache, _| {
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        let end = spawn(async { tasks::shut_down() });
        for caller in callers {
            assert!((1..=2).contains(&generation(caller).await));
        }
        finished(end).await;
    });
    one_at_a_time(&world);
    assert!(world.requests() <= 2, "{}", world.requests());
}

/// A runtime that is going down drops the task inside of `spawn`.
pub fn a_request_that_never_starts() {
    let world = execute(&[], NEVER, async |cache, _| {
        tasks::drop_next();
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            assert_eq!(generation(caller).await, 1);
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// A rejection meets a refresh that lands: no second request for what the refresh has just brought.
pub fn a_rejection_and_a_refresh() {
    let world = execute(&[], NEVER, async |cache, world| {
        let rejected = token(&cache).await;
        world.jump(STALE);
        let (refresh, rejection) = (caller(&cache, NEVER), rejecter(&cache, &rejected));
        assert!((1..=2).contains(&generation(refresh).await));
        let newer = finished(rejection).await.map(|token| token.generation());
        assert_eq!(newer, Some(2));
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 2);
}

/// A rejection meets a refresh that fails: at most one more is forced.
pub fn a_rejection_and_a_refresh_that_fails() {
    let answers = [Answer::Token, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, world| {
        let rejected = token(&cache).await;
        world.jump(STALE);
        let (refresh, rejection) = (caller(&cache, NEVER), rejecter(&cache, &rejected));
        assert!(generation(refresh).await >= 1);
        if let Some(newer) = finished(rejection).await {
            assert_eq!(newer.generation(), 2);
        }
        assert!(cache.poll().is_some(), "a failure took the token away");
    });
    one_at_a_time(&world);
    assert!((2..=3).contains(&world.requests()), "{}", world.requests());
}

/// Rejections of one token: one request, and all get its token.
pub fn rejections_of_one_token(rejections: usize) {
    let world = execute(&[], NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters: Vec<_> = (0..rejections)
            .map(|_| rejecter(&cache, &rejected))
            .collect();
        for rejecter in rejecters {
            let newer = finished(rejecter).await.map(|token| token.generation());
            assert_eq!(newer, Some(2));
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 2);
}

/// Rejections while the endpoint fails: one that failed may be forced again, within the budget of two.
pub fn rejections_while_the_endpoint_fails() {
    let answers = [
        Answer::Token,
        Answer::Failure,
        Answer::Failure,
        Answer::Failure,
    ];
    let world = execute(&answers, NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters = [(); 3].map(|()| rejecter(&cache, &rejected));
        for rejecter in rejecters {
            assert!(finished(rejecter).await.is_none());
        }
        assert!(
            cache.poll().is_some(),
            "a rejection took the token from others"
        );
    });
    one_at_a_time(&world);
    assert!((2..=3).contains(&world.requests()), "{}", world.requests());
}

/// A forced request that is lost condemns nobody to wait, and may be forced again.
pub fn a_forced_request_that_is_lost() {
    let world = execute(&[], NEVER, async |cache, _| {
        let rejected = token(&cache).await;
        let rejecters = [rejecter(&cache, &rejected), rejecter(&cache, &rejected)];
        let end = spawn(async { tasks::shut_down() });
        for rejecter in rejecters {
            let _ = finished(rejecter).await;
        }
        finished(end).await;
        assert!(
            !cache.status().refreshing,
            "a request that is lost stays on the books"
        );
        drop(token(&cache).await);
    });
    one_at_a_time(&world);
    assert!((1..=3).contains(&world.requests()), "{}", world.requests());
}

/// The request, a timer and a health check at once; the last handle goes at any point, and all tasks end.
pub fn the_last_handle_goes() {
    let world = execute(&[], NEVER, async |cache, world| {
        drop(token(&cache).await);
        world.jump(STALE);
        let handle = cache.clone();
        let poller = spawn(async move { assert!(handle.poll().is_some()) });
        let watcher = cache.clone();
        let health = spawn(async move { assert!(watcher.status().valid_until.is_some()) });
        drop(cache);
        finished(poller).await;
        finished(health).await;
    });
    one_at_a_time(&world);
    assert!((1..=2).contains(&world.requests()), "{}", world.requests());
}

/// A request that nothing else would end goes with the last handle, whoever drops it.
pub fn a_hanging_request_and_the_last_handle() {
    let world = execute(&[Answer::Hang], NEVER, async |cache, _| {
        let (handle, other) = (cache.clone(), cache.clone());
        let poller = spawn(async move { assert!(handle.poll().is_none()) });
        let dropper = spawn(async move { drop(other) });
        drop(cache);
        finished(poller).await;
        finished(dropper).await;
    });
    one_at_a_time(&world);
    assert!(world.requests() <= 1);
}

/// A task that keeps the token warm notices every landing and ends with the last handle.
pub fn keeping_warm() {
    let world = execute(&[], NEVER, async |cache, _| {
        time::limit(2);
        assert!(cache.keep_warm().is_ok());
        assert_eq!(generation(caller(&cache, NEVER)).await, 1);
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// A caller's patience and the request's own timeout run out, or do not, in any order.
pub fn an_endpoint_that_hangs() {
    let fetch_timeout = Duration::from_secs(20);
    let world = execute(&[Answer::Hang], fetch_timeout, async |cache, _| {
        let callers = [
            caller(&cache, Duration::from_secs(15)),
            caller(&cache, NEVER),
        ];
        for caller in callers {
            // One that comes late finds the request ended, and may send the next.
            let error = finished(caller).await.err().map(|error| error.kind());
            let expected = [
                None,
                Some(ErrorKind::TokenTimeout),
                Some(ErrorKind::TokenRequest),
            ];
            assert!(expected.contains(&error), "{error:?}");
        }
    });
    // A request whose timeout is over but whose task nobody drives is given up; it is dropped when its runtime comes to it.
    assert!(world.most_in_flight.load(SeqCst) <= 2);
    assert!((1..=2).contains(&world.requests()), "{}", world.requests());
}

/// A request that is stuck is given up by one of several callers, while it may yet end by itself.
pub fn a_request_that_is_stuck() {
    let fetch_timeout = Duration::from_secs(20);
    let world = execute(&[], fetch_timeout, async |cache, world| {
        cache.poll();
        let before = Arc::clone(&world);
        let thaw = spawn(async move {
            scheduling_point();
            before.jump(GONE);
        });
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            // The request may also time out, by its own timer.
            if let Ok(token) = finished(caller).await {
                assert!(token.generation() >= 1);
            }
        }
        finished(thaw).await;
        assert!(!cache.status().refreshing || world.requests() > 1);
    });
    // How many are there at once is not bounded here: one that was given up is dropped when its runtime comes to it.
    assert!(world.requests() <= 3, "{}", world.requests());
}

/// The token expires while callers, a refresh and a failure meet: whoever is told of an error had no token that lived.
pub fn an_expiry_in_between() {
    let answers = [Answer::Token, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, world| {
        drop(token(&cache).await);
        world.jump(STALE);
        let refresher = caller(&cache, NEVER);
        let end = Arc::clone(&world);
        let expiry = spawn(async move {
            scheduling_point();
            end.jump(GONE);
        });
        let (clock, handle) = (Arc::clone(&world), cache.clone());
        let witness = spawn(async move {
            let result = handle.get(NEVER).await;
            assert!(
                result.is_ok() || clock.jumped.load(SeqCst) > STALE,
                "withheld"
            );
        });
        let _ = finished(refresher).await;
        finished(witness).await;
        finished(expiry).await;
    });
    one_at_a_time(&world);
    assert!((1..=3).contains(&world.requests()), "{}", world.requests());
}
