//! One adapter under test: its own identity, whose token requests are counted, and the statistics of its operations.
//!
//! An operation is what an application does: acquire a connection, run a query. Here it is always a physical connection that
//! has just been opened, because that is when a token is needed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use azure_core::{
    credentials::TokenCredential,
    http::{AsyncRawResponse, HttpClient, Request, RetryOptions},
};
use entra_pg_core::{Entra, EntraBuilder, Error, Scope, Status, Target, TokenCache};
use entra_pg_emulator::Emulator;
use tokio::time::Instant;

use crate::{
    adapters::{Adapter, NamedAdapter, POOL_SIZE, TestConnection, TestPool},
    fixtures::{credential_over, http, no_second_request, unique, url},
    record::Measured,
    scenarios::FaultScenario,
};

/// Counts the requests that one identity sends to the token endpoint.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicU64>);

impl Requests {
    pub fn count(&self) -> u64 {
        self.0.load(SeqCst)
    }

    pub fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    /// The real credential for a client secret, which sends exactly one request for each that the cache asks for.
    pub fn credential(&self, emulator: &Emulator) -> Arc<dyn TokenCredential> {
        let http = Counting {
            http: http(emulator),
            requests: self.clone(),
        };
        credential_over(emulator, Arc::new(http), RetryOptions::none())
    }
}

#[derive(Debug)]
struct Counting {
    http: reqwest::Client,
    requests: Requests,
}

#[async_trait]
impl HttpClient for Counting {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.requests.add();
        HttpClient::execute_request(&self.http, request).await
    }
}

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub operations: u64,
    pub errors: Vec<String>,
    pub longest: Duration,
}

/// An adapter under test.
pub struct AdapterFixture {
    pub name: &'static str,
    pub entra: Entra,
    pub requests: Requests,
    pub stats: Stats,
    adapter: &'static dyn Adapter,
    url: String,
    target: Target,
    opened: Option<Box<dyn TestPool>>,
    requests_before: u64,
}

impl fmt::Debug for AdapterFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.stats)
    }
}

impl AdapterFixture {
    /// With the real credential and the default settings, but for [`no_second_request`]. Nothing is opened yet.
    pub fn new(emulator: &Emulator, adapter: NamedAdapter) -> Self {
        Self::built(emulator, adapter, |builder| builder)
    }

    /// With an identity of the test's own making, and whatever counts its requests.
    pub fn with(
        emulator: &Emulator,
        NamedAdapter { name, adapter, .. }: NamedAdapter,
        entra: Entra,
        requests: Requests,
    ) -> Self {
        let url = url(emulator, &unique("fault"));
        Self {
            name,
            entra,
            requests,
            stats: Stats::default(),
            adapter,
            target: Target::parse(&url).expect("the emulator's URL"),
            url,
            opened: None,
            requests_before: 0,
        }
    }

    /// With other settings, and the real credential.
    pub fn built(
        emulator: &Emulator,
        adapter: NamedAdapter,
        build: impl FnOnce(EntraBuilder) -> EntraBuilder,
    ) -> Self {
        let requests = Requests::default();
        let builder = Entra::builder()
            .credential(requests.credential(emulator))
            .refresh_policy(no_second_request());
        let entra = build(builder)
            .build()
            .expect("a provided credential is not refused");
        Self::with(emulator, adapter, entra, requests)
    }

    /// Through another port of the same host, as of a relay.
    #[must_use]
    pub fn through(self, emulator: &Emulator, port: u16) -> Self {
        let own = format!(":{}/", emulator.port());
        let url = self.url.replace(&own, &format!(":{port}/"));
        self.at(url)
    }

    /// With another connect deadline.
    #[must_use]
    pub fn within(self, seconds: u32) -> Self {
        let url = format!("{}&connect_timeout={seconds}", self.url);
        self.at(url)
    }

    fn at(mut self, url: String) -> Self {
        self.target = Target::parse(&url).expect("a URL");
        self.url = url;
        self
    }

    /// Opens the adapter's pool, which opens its first connection.
    pub async fn open(&mut self) -> Result<(), Error> {
        self.open_sized(POOL_SIZE).await
    }

    pub async fn open_sized(&mut self, size: u32) -> Result<(), Error> {
        let opening = self
            .adapter
            .open_sized(&self.url, self.target.clone(), &self.entra, size);
        self.opened = Some(opening.await?);
        Ok(())
    }

    pub fn opened(&self) -> &dyn TestPool {
        self.opened.as_deref().expect("it was opened")
    }

    /// Closes the pool as the adapter's documentation says to.
    pub async fn close(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.close().await;
        }
    }

    /// Drops the pool as it is.
    pub fn drop_unclosed(&mut self) {
        self.opened = None;
    }

    /// One operation over a connection that has just been opened, and which ends with it.
    pub async fn operate(&mut self) -> Result<(), String> {
        let started = Instant::now();
        let result = operation(self.opened()).await;
        self.count(started, result.as_ref().map(drop));
        match result {
            Ok(held) => retire(held).await,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn count(&mut self, started: Instant, result: Result<(), &String>) {
        self.stats.operations += 1;
        self.stats.longest = self.stats.longest.max(started.elapsed());
        if let Err(error) = result {
            self.stats.errors.push(error.clone());
        }
    }

    /// The fault begins: what is counted and measured from here on belongs to it.
    pub fn begin(&mut self) {
        self.stats = Stats::default();
        self.requests_before = self.requests.count();
    }

    /// Token requests since [`begin`](Self::begin).
    pub fn requests_since(&self) -> u64 {
        self.requests.count() - self.requests_before
    }

    pub fn tokens(&self) -> TokenCache {
        self.entra.token_cache(&Scope::for_host("localhost"))
    }

    pub fn status(&self) -> Status {
        self.tokens().status()
    }

    /// When the token that is held now expires.
    pub fn expiry(&self) -> Instant {
        let until = self.status().expires_on.expect("a token is held");
        Instant::now() + until.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// No operation failed.
    pub fn assert_flawless(&self) {
        assert!(self.stats.errors.is_empty(), "{self:?}");
        assert!(self.stats.operations > 0, "{}: nothing was done", self.name);
    }

    pub fn record(&self, row: FaultScenario, case: &str, note: impl Into<String>) {
        Measured {
            row,
            adapter: self.name.to_owned(),
            case: case.to_owned(),
            operations: self.stats.operations,
            failed: self.stats.errors.len() as u64,
            token_requests: self.requests_since(),
            longest: self.stats.longest,
            note: note.into(),
        }
        .record();
    }
}

/// Takes a connection and asks something.
pub async fn operation(opened: &dyn TestPool) -> Result<Box<dyn TestConnection>, String> {
    let mut held = opened.acquire().await?;
    held.query("SELECT 1::text").await?;
    Ok(held)
}

/// Ends the physical connection, so that the pool has to open another next time. The second question is answered only once
/// the driver knows: the pool must not be given back a connection that still looks alive.
pub async fn retire(mut held: Box<dyn TestConnection>) {
    let _ = held
        .query("SELECT pg_terminate_backend(pg_backend_pid())::text")
        .await;
    let _ = held.query("SELECT 1::text").await;
}
