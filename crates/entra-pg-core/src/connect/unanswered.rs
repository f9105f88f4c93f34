//! The addresses that did not answer: for a while they are tried last, so that each of them costs one connect its time, not
//! every one.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// After that an address has its place in the order again.
const KEPT: Duration = Duration::from_secs(60);
/// As long as a healthy server does not take; see [`Share`](super::Share).
const NOTICED: Duration = Duration::from_millis(250);

/// Cheap to clone; clones share the addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Unanswered(Arc<Mutex<HashMap<SocketAddr, Instant>>>);

impl Unanswered {
    pub(super) fn contains(&self, address: SocketAddr) -> bool {
        let since = self.lock().get(&address).copied();
        since.is_some_and(|since| since.elapsed() < KEPT)
    }

    pub(super) fn add(&self, address: SocketAddr) {
        let mut addresses = self.lock();
        addresses.retain(|_, since| since.elapsed() < KEPT);
        addresses.insert(address, Instant::now());
    }

    pub(super) fn remove(&self, address: SocketAddr) {
        self.lock().remove(&address);
    }

    /// Adds the address when the result is dropped: a caller that gives up early must not begin with it again.
    pub(super) fn unless_answered(&self, address: SocketAddr) -> Waiting<'_> {
        Waiting {
            addresses: self,
            address: Some(address),
            since: Instant::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Waiting<'a> {
    addresses: &'a Unanswered,
    address: Option<SocketAddr>,
    since: Instant,
}

impl Waiting<'_> {
    pub(super) fn ended(mut self) {
        self.address = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(address) = self.address
            && self.since.elapsed() >= NOTICED
        {
            self.addresses.add(address);
        }
    }
}
