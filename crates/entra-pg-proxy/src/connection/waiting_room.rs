//! Where clients wait until the server is connected.
//!
//! The room is bounded, and somebody who fills it with clients that send nothing must not keep others out: once it is full, the
//! client that has sent no startup packet for the longest time gives its place to the next. A little time is every client's,
//! so that a crowd on a slow machine is served in turn; until it has passed, the next ones wait to be accepted.

use std::{
    collections::BTreeMap,
    future::pending,
    mem::replace,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub(crate) struct WaitingRoom(Arc<Inner>);

struct Inner {
    capacity: usize,
    grace: Duration,
    places: Mutex<Places>,
    left: Notify,
}

#[derive(Default)]
struct Places {
    next: u64,
    /// Those that may have to leave, in the order in which they came.
    silent: BTreeMap<u64, (Instant, CancellationToken)>,
    kept: usize,
}

impl WaitingRoom {
    /// A room for `capacity` clients. None has to leave within its first `grace`.
    pub(crate) fn new(capacity: usize, grace: Duration) -> Self {
        Self(Arc::new(Inner {
            capacity,
            grace,
            places: Mutex::default(),
            left: Notify::new(),
        }))
    }

    /// Waits until a client can enter.
    pub(crate) async fn vacancy(&self) {
        while self.is_full() {
            let oldest = self.oldest();
            if oldest.is_some_and(|since| since.elapsed() >= self.0.grace) {
                return;
            }
            let had_its_time = async {
                match oldest {
                    Some(since) => sleep_until(since + self.0.grace).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = had_its_time => {}
                () = self.0.left.notified() => {}
            }
        }
    }

    /// Takes a place; in a full room, that of the oldest silent client. Returns whether it was so.
    pub(crate) fn enter(&self) -> (Place, bool) {
        let crowded = self.is_full() && self.dismiss_oldest();
        let (mut places, dismissed) = (self.lock(), CancellationToken::new());
        let number = places.next;
        places.next += 1;
        let entry = (Instant::now(), dismissed.clone());
        places.silent.insert(number, entry);
        let place = Place {
            room: self.clone(),
            number,
            kept: false,
            dismissed,
        };
        (place, crowded)
    }

    /// Makes the oldest silent client leave, if it has had its time. Returns whether it is so.
    pub(crate) fn dismiss_oldest(&self) -> bool {
        let mut places = self.lock();
        let Some(oldest) = places.silent.first_entry() else {
            return false;
        };
        let (since, _) = oldest.get();
        if since.elapsed() < self.0.grace {
            return false;
        }
        let (_, dismissed) = oldest.remove();
        dismissed.cancel();
        true
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity
    }

    fn is_full(&self) -> bool {
        let places = self.lock();
        places.kept + places.silent.len() >= self.0.capacity
    }

    /// Since when the oldest silent client has been here.
    fn oldest(&self) -> Option<Instant> {
        self.lock().silent.values().next().map(|(since, _)| *since)
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's place, until it is dropped.
pub(crate) struct Place {
    room: WaitingRoom,
    number: u64,
    kept: bool,
    dismissed: CancellationToken,
}

impl Place {
    /// Ends when the client has to leave.
    pub(crate) async fn dismissed(&self) {
        self.dismissed.cancelled().await;
    }

    /// Keeps the place: the client has sent what it wants.
    pub(crate) fn keep(&mut self) {
        let mut places = self.room.lock();
        places.silent.remove(&self.number);
        if !replace(&mut self.kept, true) {
            places.kept += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.room.lock();
        places.silent.remove(&self.number);
        places.kept -= usize::from(self.kept);
        drop(places);
        self.room.0.left.notify_one();
    }
}

#[cfg(test)]
#[path = "waiting_room_tests.rs"]
mod tests;
