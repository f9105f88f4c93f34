//! A scripted endpoint, and how a scenario is run.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use azure_core::{
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    error::ErrorKind as AzureKind,
};
use shuttle::future::{JoinHandle, block_on, spawn};

use crate::{
    Error, RefreshPolicy, Scope,
    credential::Credential,
    sync::{
        Instant,
        checker::{
            tasks,
            time::{self, NEVER},
        },
    },
    token::{Clock, Token, TokenCache},
};

const HOUR: Duration = Duration::from_secs(3_600);
/// Into the refresh margin of a token of an hour, not into its floor.
pub(super) const STALE: u64 = 3_400;
pub(super) const GONE: u64 = 4_000;

/// What the endpoint does with one request. Without a script it hands out a new token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Token,
    Failure,
    Refusal,
    Panic,
    Hang,
}

/// The endpoint, and the wall clock.
#[derive(Debug, Default)]
pub(super) struct World {
    answers: Mutex<VecDeque<Answer>>,
    requests: AtomicU32,
    in_flight: AtomicU32,
    pub(super) most_in_flight: AtomicU32,
    pub(super) jumped: AtomicU64,
}

impl World {
    fn now(&self) -> SystemTime {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        start + Instant::now().since_start() + Duration::from_secs(self.jumped.load(SeqCst))
    }

    /// Time passes that no timer has noticed.
    pub(super) fn jump(&self, seconds: u64) {
        self.jumped.fetch_add(seconds, SeqCst);
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(SeqCst)
    }

    fn cache(self: &Arc<Self>, limits: RequestLimits) -> TokenCache {
        let time = Arc::clone(self);
        let policy = RefreshPolicy {
            fetch_timeout: limits.timeout,
            hedge_after: limits.hedge_after,
            ..RefreshPolicy::default()
        };
        TokenCache::new(
            Credential::provided(Arc::clone(self) as Arc<dyn TokenCredential>),
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
                AzureKind::Io,
                "scripted failure",
            )),
            Answer::Refusal => Err(azure_core::Error::with_message(
                AzureKind::Credential,
                "scripted refusal",
            )),
            // Without a message on standard error for each of many thousand executions.
            Answer::Panic => std::panic::resume_unwind(Box::new("scripted panic")),
            Answer::Hang => std::future::pending().await,
        }
    }
}

/// When a request is joined by a second one, and when it is given up.
#[derive(Clone, Copy)]
pub(super) struct RequestLimits {
    pub(super) hedge_after: Duration,
    pub(super) timeout: Duration,
}

/// Most scenarios leave requests alone: a timer may go off at any point.
impl From<Duration> for RequestLimits {
    fn from(timeout: Duration) -> Self {
        Self {
            hedge_after: NEVER,
            timeout,
        }
    }
}

/// Runs one execution. `body` gets the cache, with all its handles, and the world.
pub(super) fn execute<F: Future<Output = ()>>(
    answers: &[Answer],
    limits: impl Into<RequestLimits>,
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
        body(world.cache(limits.into()), Arc::clone(&world)).await;
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

pub(super) fn one_at_a_time(world: &World) {
    assert_eq!(
        world.most_in_flight.load(SeqCst).max(1),
        1,
        "requests at the same time"
    );
}

pub(super) async fn finished<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

pub(super) type Caller = JoinHandle<Result<Token, Error>>;

pub(super) fn caller(cache: &TokenCache, patience: Duration) -> Caller {
    let cache = cache.clone();
    spawn(async move { cache.get(patience).await })
}

pub(super) fn rejecter(cache: &TokenCache, rejected: &Token) -> JoinHandle<Option<Token>> {
    let (cache, rejected) = (cache.clone(), rejected.clone());
    spawn(async move { cache.refresh_rejected(&rejected, NEVER).await })
}

pub(super) async fn token(cache: &TokenCache) -> Token {
    match cache.get(NEVER).await {
        Ok(token) => token,
        Err(error) => panic!("a token was withheld: {error}"),
    }
}

pub(super) async fn generation(caller: Caller) -> u64 {
    match finished(caller).await {
        Ok(token) => token.generation(),
        Err(error) => panic!("a token was withheld: {error}"),
    }
}
