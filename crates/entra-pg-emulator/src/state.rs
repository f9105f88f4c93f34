//! What all parts of a running emulator share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::runtime::Handle;
use uuid::Uuid;

use crate::{
    Error, Identity, IdentityKind, TokenSpec,
    addresses::{HOST, Ports},
    clock,
    jwt::SigningKey,
    postgres::Cluster,
    settings::Settings,
    token::{Flow, Subject, Validity, claims},
    verdict::{Mapping, Rules, judge},
};

/// A token as an endpoint hands it out.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) validity: Validity,
    /// Whole seconds left, never more than there are.
    pub(crate) expires_in: i64,
}

/// Counted since the start.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) token_requests: AtomicU64,
    pub(crate) tokens_issued: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) rejected: AtomicU64,
}

pub(crate) struct State {
    /// Signs the federated token, which lies in a file and so has to last.
    pub(crate) key: SigningKey,
    /// Signs access tokens; changed by a rotation.
    pub(crate) token_key: Mutex<Arc<SigningKey>>,
    pub(crate) other_key: SigningKey,
    pub(crate) tenant: Uuid,
    /// Never empty; each has a role of its name.
    pub(crate) identities: Vec<Identity>,
    pub(crate) audience: String,
    pub(crate) identity_header: String,
    pub(crate) client_secret: String,
    pub(crate) ca_pem: String,
    pub(crate) ports: Ports,
    pub(crate) cluster: Cluster,
    pub(crate) runtime: Handle,
    pub(crate) counters: Counters,
    pub(crate) settings: Mutex<Settings>,
    pub(crate) serial: AtomicU64,
    pub(crate) revoked: Mutex<HashMap<Uuid, u64>>,
    pub(crate) latest: Mutex<HashMap<(Uuid, String, Flow), Issued>>,
    pub(crate) last_rejection: Mutex<Option<String>>,
    /// Tokens of the endpoints, from when on somebody wanted them kept.
    pub(crate) record: Mutex<Option<Vec<String>>>,
}

/// Locks even after a panic elsewhere: every value here is consistent between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    pub(crate) fn identity(&self, role: &str) -> Option<&Identity> {
        self.identities
            .iter()
            .find(|identity| identity.name == role)
    }

    /// Who is signed in to the stand-in `az`: the first user, or else the first identity.
    pub(crate) fn signed_in(&self) -> Option<&Identity> {
        self.identities
            .iter()
            .find(|identity| identity.kind == IdentityKind::User)
            .or(self.identities.first())
    }

    /// `https://localhost:PORT/`
    pub(crate) fn authority_host(&self) -> String {
        format!("https://{HOST}:{}/", self.ports.secure)
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn plain_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.plain)
    }

    /// The token an endpoint answers with, by the endpoint's clock.
    pub(crate) fn issue(
        &self,
        identity: &Identity,
        audience: &str,
        flow: Flow,
    ) -> Result<Issued, Error> {
        let settings = self.settings();
        let now = clock::now();
        let start = clock::seconds(now) + settings.clock_skew;
        let slot = (identity.object_id, audience.to_owned(), flow);
        let remaining = |until: i64| (until - start - i64::from(now.subsec_nanos() > 0)).max(0);
        if settings.repeat_tokens
            && let Some(earlier) = lock(&self.latest).get(&slot)
            && earlier.validity.until > start
        {
            return Ok(Issued {
                expires_in: remaining(earlier.validity.until),
                ..earlier.clone()
            });
        }
        let until =
            clock::seconds(now.saturating_add(settings.token_lifetime)) + settings.clock_skew;
        let validity = Validity { from: start, until };
        let key = self.token_key();
        let token = self.sign(&key, identity, audience, flow, validity)?;
        let issued = Issued {
            token,
            validity,
            expires_in: remaining(until),
        };
        self.counters.tokens_issued.fetch_add(1, Relaxed);
        if let Some(record) = &mut *lock(&self.record) {
            record.push(issued.token.clone());
        }
        let mut latest = lock(&self.latest);
        // A rotation changes the key before it forgets the tokens; one of the old key must not come after that.
        if Arc::ptr_eq(&key, &self.token_key()) {
            latest.insert(slot, issued.clone());
        }
        drop(latest);
        Ok(issued)
    }

    /// Any token, good or bad, by the true clock.
    pub(crate) fn mint(&self, spec: &TokenSpec) -> Result<String, Error> {
        let stranger;
        let identity = if let Some(identity) = self.identity(&spec.identity) {
            identity
        } else {
            stranger = Identity::new(&spec.identity, IdentityKind::ManagedIdentity);
            &stranger
        };
        let flow = if identity.kind == IdentityKind::User {
            Flow::AzureCli
        } else {
            Flow::ManagedIdentity
        };
        let lifetime = spec
            .lifetime
            .unwrap_or_else(|| clock::seconds(self.settings().token_lifetime));
        let validity = Validity::new(clock::seconds(clock::now()) + spec.valid_after, lifetime);
        let current = self.token_key();
        let key = if spec.other_key {
            &self.other_key
        } else {
            &*current
        };
        self.sign(
            key,
            identity,
            spec.audience.as_deref().unwrap_or(&self.audience),
            flow,
            validity,
        )
    }

    fn sign(
        &self,
        key: &SigningKey,
        identity: &Identity,
        audience: &str,
        flow: Flow,
        validity: Validity,
    ) -> Result<String, Error> {
        let serial = self.serial.fetch_add(1, Relaxed);
        key.sign(&claims(&Subject {
            identity,
            audience,
            tenant: self.tenant,
            flow,
            validity,
            serial,
        }))
    }

    /// The key that access tokens are signed with at present.
    pub(crate) fn token_key(&self) -> Arc<SigningKey> {
        Arc::clone(&lock(&self.token_key))
    }

    /// Tokens signed with the present key are refused from now on, and no endpoint repeats one.
    pub(crate) async fn rotate_keys(&self) -> Result<(), Error> {
        let key = tokio::task::spawn_blocking(SigningKey::generate)
            .await
            .map_err(|_| Error::Stopped)??;
        *lock(&self.token_key) = Arc::new(key);
        lock(&self.latest).clear();
        Ok(())
    }

    /// Refuses the tokens made so far for this identity.
    pub(crate) fn revoke(&self, identity: &Identity) {
        lock(&self.revoked).insert(identity.object_id, self.serial.load(Relaxed));
    }

    /// The verdict on a login, counted.
    pub(crate) fn admits(&self, role: &str, token: &str) -> bool {
        let key = self.token_key();
        let rules = Rules {
            key: &key,
            audience: &self.audience,
            now: clock::now(),
        };
        let mapping = self.identity(role).map(|identity| Mapping {
            object_id: identity.object_id,
            revoked_before: lock(&self.revoked)
                .get(&identity.object_id)
                .copied()
                .unwrap_or(0),
        });
        match judge(&rules, role, mapping, token) {
            Ok(()) => {
                self.counters.accepted.fetch_add(1, Relaxed);
                tracing::debug!(target: "entra_pg_emulator", role, "login accepted");
                true
            }
            Err(rejection) => {
                self.counters.rejected.fetch_add(1, Relaxed);
                tracing::info!(target: "entra_pg_emulator", role, "login rejected: {rejection}");
                *lock(&self.last_rejection) = Some(rejection.to_string());
                false
            }
        }
    }

    /// Runs on the emulator's own runtime, whatever the caller's is.
    pub(crate) async fn on_own_runtime<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.runtime
            .spawn(work(Arc::clone(self)))
            .await
            .map_err(|_| Error::Stopped)?
    }

    /// Turns a knob.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.settings));
    }

    /// How long the token endpoints wait before they answer.
    pub(crate) fn latency(&self) -> Duration {
        lock(&self.settings).latency
    }
}
