//! One adapter under load: some tasks that acquire connections and run queries, as an application does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use entra_pg_core::{Entra, Scope, Target};
use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_tests::{
    adapter_fixture::{operation, retire},
    adapters::{NamedAdapter, TestPool, named},
    fixtures::url,
    token_endpoint::TokenEndpoint,
};
use fastrand::Rng;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::judge::Failure;

const TASKS: u64 = 3;
/// The longest that any pool lets its user wait is 30 s; more is a hang.
const HANG: Duration = Duration::from_secs(60);

/// An adapter, its pool, and what came of it so far.
pub(crate) struct Player {
    pub(crate) name: &'static str,
    /// Its own, so that each adapter's requests can be counted, and one of them hang.
    pub(crate) endpoint: TokenEndpoint,
    entra: Entra,
    opened: Arc<dyn TestPool>,
    score: Arc<Mutex<Score>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) operations: u64,
    /// Connections that were opened on purpose.
    pub(crate) fresh: u64,
    /// Those of them that could be opened.
    renewed: u64,
    pub(crate) longest: Duration,
    pub(crate) failures: Vec<Failure>,
}

impl Player {
    pub(crate) async fn open(
        emulator: &Emulator,
        port: u16,
        source: CredentialSource,
        NamedAdapter { name, adapter, .. }: NamedAdapter,
    ) -> Result<Self, String> {
        let endpoint = TokenEndpoint::misbehaving(emulator, []);
        let entra = endpoint.entra(emulator, source);
        let application = format!("soak-{}", name.replace(' ', "-"));
        let url = url(emulator, &application)
            .replace(&format!(":{}/", emulator.port()), &format!(":{port}/"));
        let target = Target::parse(&url).map_err(|error| error.to_string())?;
        let opened = adapter.open(&url, target, &entra).await;
        let opened = opened.map_err(|error| format!("{name}: {error}"))?;
        Ok(Self {
            name,
            endpoint,
            entra,
            opened: opened.into(),
            score: Arc::default(),
        })
    }

    /// Runs until stopped.
    pub(crate) fn play(&self, seed: u64, stopped: &watch::Receiver<()>) -> Vec<JoinHandle<()>> {
        (0..TASKS)
            .map(|task| {
                let worker = Worker {
                    name: self.name,
                    opened: Arc::clone(&self.opened),
                    score: Arc::clone(&self.score),
                    random: Rng::with_seed(seed.wrapping_add(task)),
                };
                tokio::spawn(worker.work(stopped.clone()))
            })
            .collect()
    }

    pub(crate) fn score(&self) -> Score {
        lock(&self.score).clone()
    }

    /// When the token that is held now expires; now, if there is none.
    pub(crate) fn expiry(&self) -> Instant {
        let status = self
            .entra
            .token_cache(&Scope::for_host("localhost"))
            .status();
        let left = status
            .expires_on
            .and_then(|until| until.duration_since(SystemTime::now()).ok());
        Instant::now() + left.unwrap_or_default()
    }

    /// Whether the endpoint is not to be disturbed: a request is under way, or the last one failed, or the token that is held
    /// came before `refused`, and the adapter has yet to learn that it is refused. A rotated pool learns that late.
    pub(crate) fn is_settled(&self, refused: Option<SystemTime>) -> bool {
        let status = self
            .entra
            .token_cache(&Scope::for_host("localhost"))
            .status();
        let replaced = !named(self.name).per_connection || status.last_refresh > refused;
        !status.refreshing && status.failures == 0 && status.expires_on.is_some() && replaced
    }

    /// Waits until the token that is held has been accepted, by an adapter that fetches one per connection: the pool, which has
    /// one connection a task, has replaced them all.
    pub(crate) async fn has_logged_in(&self) {
        let enough = lock(&self.score).renewed + TASKS * 2;
        while named(self.name).per_connection && lock(&self.score).renewed < enough {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Closes the pool. An error if that hangs.
    pub(crate) async fn close(self) -> Result<(), String> {
        let closing = timeout(HANG, self.opened.shut()).await;
        closing.map_err(|_| format!("{}: closing the pool hangs", self.name))
    }
}

fn lock(score: &Mutex<Score>) -> MutexGuard<'_, Score> {
    score.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Worker {
    name: &'static str,
    opened: Arc<dyn TestPool>,
    score: Arc<Mutex<Score>>,
    random: Rng,
}

impl Worker {
    async fn work(mut self, stopped: watch::Receiver<()>) {
        while stopped.has_changed().is_ok() {
            let fresh = self.random.u8(..3) == 0;
            let began = Instant::now();
            let result = timeout(HANG, operation(&*self.opened)).await;
            let result = result.unwrap_or_else(|_| Err(format!("hangs for {} s", HANG.as_secs())));
            self.count(began, fresh, result.as_ref().err());
            if let Ok(held) = result {
                if fresh {
                    let _ = timeout(HANG, retire(held)).await;
                } else {
                    sleep(Duration::from_millis(self.random.u64(..100))).await;
                }
            }
            sleep(Duration::from_millis(self.random.u64(50..250))).await;
        }
    }

    fn count(&self, began: Instant, fresh: bool, error: Option<&String>) {
        let mut score = lock(&self.score);
        let ended = Instant::now();
        score.operations += 1;
        score.fresh += u64::from(fresh);
        score.renewed += u64::from(fresh && error.is_none());
        score.longest = score.longest.max(ended - began);
        if let Some(error) = error {
            score.failures.push(Failure {
                adapter: self.name,
                rotates: !named(self.name).per_connection,
                began,
                ended,
                error: error.clone(),
            });
        }
    }
}
