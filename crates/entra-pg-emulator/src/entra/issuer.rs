//! Makes and signs access tokens.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    Flow, Identity, SigningKey, Validity,
    claims::{Subject, claims},
    clock,
};
use crate::{Error, settings::Settings, sync::lock};

/// A token as an endpoint returns it.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) validity: Validity,
    /// Whole seconds left, rounded down.
    pub(crate) expires_in: i64,
}

pub(crate) struct Issuer {
    tenant: String,
    /// Replaced by a rotation.
    key: Mutex<Arc<SigningKey>>,
    /// Numbers the tokens.
    serial: AtomicU64,
    issued: AtomicU64,
    latest: Mutex<HashMap<(String, String, Flow), Issued>>,
    record: Mutex<Option<Vec<String>>>,
}

impl Issuer {
    pub(crate) fn new(tenant: &str) -> Result<Self, Error> {
        Ok(Self {
            tenant: tenant.to_owned(),
            key: Mutex::new(Arc::new(SigningKey::generate()?)),
            serial: 0.into(),
            issued: 0.into(),
            latest: Mutex::default(),
            record: Mutex::default(),
        })
    }

    /// The key that signs tokens now.
    pub(crate) fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&lock(&self.key))
    }

    /// The number of the next token.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.load(Relaxed)
    }

    /// How many different tokens the endpoints have issued.
    pub(crate) fn issued(&self) -> u64 {
        self.issued.load(Relaxed)
    }

    /// The token that an endpoint returns, by the endpoint's clock.
    pub(crate) fn issue(
        &self,
        identity: &Identity,
        audience: &str,
        flow: Flow,
        settings: &Settings,
    ) -> Result<Issued, Error> {
        let now = clock::now();
        let start = clock::seconds(now) + settings.clock_skew;
        let remaining = |until: i64| (until - start - i64::from(now.subsec_nanos() > 0)).max(0);
        let slot = (identity.object_id().to_owned(), audience.to_owned(), flow);
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
        let key = self.key();
        let issued = Issued {
            token: self.sign(&key, identity, audience, flow, validity)?,
            validity,
            expires_in: remaining(until),
        };
        self.issued.fetch_add(1, Relaxed);
        if let Some(record) = &mut *lock(&self.record) {
            record.push(issued.token.clone());
        }
        let mut latest = lock(&self.latest);
        // A rotation changes the key before it forgets the tokens; one of the old key must not come after that.
        if Arc::ptr_eq(&key, &self.key()) {
            latest.insert(slot, issued.clone());
        }
        Ok(issued)
    }

    /// Signs any token.
    pub(crate) fn sign(
        &self,
        key: &SigningKey,
        identity: &Identity,
        audience: &str,
        flow: Flow,
        validity: Validity,
    ) -> Result<String, Error> {
        key.sign(&claims(&Subject {
            identity,
            audience,
            tenant: &self.tenant,
            flow,
            validity,
            serial: self.serial.fetch_add(1, Relaxed),
        }))
    }

    /// Replaces the key. No endpoint repeats a token of the old one.
    pub(crate) async fn rotate_key(&self) -> Result<(), Error> {
        let key = tokio::task::spawn_blocking(SigningKey::generate)
            .await
            .map_err(|_| Error::Stopped)??;
        *lock(&self.key) = Arc::new(key);
        lock(&self.latest).clear();
        Ok(())
    }

    /// Keeps the tokens that endpoints issue from now on.
    pub(crate) fn start_recording(&self) {
        lock(&self.record).get_or_insert_default();
    }

    pub(crate) fn recorded(&self) -> Vec<String> {
        lock(&self.record).clone().unwrap_or_default()
    }
}
