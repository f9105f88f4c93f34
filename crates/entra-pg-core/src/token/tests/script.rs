//! An endpoint that answers by a script, on Tokio's paused clock.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use azure_core::{
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    error::ErrorKind as AzureKind,
    http::{
        RawResponse,
        headers::{Headers, RETRY_AFTER},
    },
};
use tokio::time::{Instant, sleep};

use crate::{
    RefreshPolicy, Scope,
    credential::Credential,
    token::{Clock, TokenCache},
};

pub(super) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const TIMEOUT: Duration = s(15);

/// What the scripted endpoint does with one request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Token(Duration),
    /// Always the same one, which lives so long from the script's beginning on.
    Same(Duration),
    Late(Duration, Duration),
    Empty,
    ExpiredOnArrival,
    /// Nothing can be reached.
    Failure,
    Status(u16),
    /// Status 429 with this `Retry-After`.
    Throttled(&'static str),
    Panic,
    Hang,
}

#[derive(Debug)]
pub(super) struct Script {
    pub(super) started: Instant,
    pub(super) wall: SystemTime,
    /// How far the wall clock has been moved forward, beyond what has passed.
    jump: Mutex<Duration>,
    requests: AtomicU32,
    in_flight: AtomicU32,
    most_in_flight: AtomicU32,
    answers: Mutex<VecDeque<Answer>>,
    otherwise: Answer,
}

impl Script {
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>, otherwise: Answer) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + s(1_000_000),
            jump: Mutex::default(),
            requests: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            most_in_flight: AtomicU32::new(0),
            answers: Mutex::new(answers.into_iter().collect()),
            otherwise,
        })
    }

    pub(super) fn now(&self) -> SystemTime {
        self.wall + self.started.elapsed() + *self.jump.lock().expect("no panic under this lock")
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn most_in_flight(&self) -> u32 {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn cache(self: &Arc<Self>) -> TokenCache {
        let clock = Arc::clone(self);
        TokenCache::new(
            Credential::provided(Arc::clone(self) as Arc<dyn TokenCredential>),
            Scope::for_host("localhost"),
            RefreshPolicy::default(),
            Clock::new(move || clock.now()),
        )
    }

    /// The wall clock moves, the monotonic one does not: what a frozen process sees.
    pub(super) fn thaw_after(&self, by: Duration) {
        *self.jump.lock().expect("no panic under this lock") += by;
    }

    /// Takes back all jumps of the wall clock.
    pub(super) fn set_wall_clock_right(&self) {
        *self.jump.lock().expect("no panic under this lock") = Duration::ZERO;
    }

    fn token(&self, name: &str, lifetime: Duration) -> AccessToken {
        AccessToken::new(Secret::new(name.to_owned()), (self.now() + lifetime).into())
    }
}

/// Counts a request for as long as its future is there.
struct InFlight<'a>(&'a Script);

impl<'a> InFlight<'a> {
    fn new(script: &'a Script) -> Self {
        let now = script.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        script.most_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(script)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
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
        let _in_flight = InFlight::new(self);
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
                AzureKind::Io,
                "scripted failure",
            )),
            Answer::Status(status) => Err(http_error(status, None)),
            Answer::Throttled(retry_after) => Err(http_error(429, Some(retry_after))),
            Answer::Panic => panic!("scripted panic"),
            Answer::Hang => std::future::pending().await,
        }
    }
}

fn http_error(status: u16, retry_after: Option<&'static str>) -> azure_core::Error {
    let mut headers = Headers::new();
    if let Some(value) = retry_after {
        headers.insert(RETRY_AFTER, value);
    }
    let response = RawResponse::from_bytes(status.into(), headers, "");
    let kind = AzureKind::HttpResponse {
        status: status.into(),
        error_code: None,
        raw_response: Some(Box::new(response)),
    };
    azure_core::Error::with_message(kind, "scripted response")
}

pub(super) const HOUR: Duration = s(3_600);

pub(super) async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}
