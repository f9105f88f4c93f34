//! What a contestant has done so far, as the display shows it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contestant::{QUERIES_PER_ROUND, Seen};

#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) queries: u64,
    /// Distinct connections, as far as the client has seen them. The report counts by the server's records.
    pub(crate) connections: Vec<(i32, i64)>,
    pub(crate) errors: Vec<String>,
}

/// A score that is written by one task and read by another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Score>>);

impl Shared {
    pub(crate) fn count(&self, note: &str, result: Result<Seen, String>) {
        let mut score = self.lock();
        match result {
            Ok(seen) if seen.note == note => {
                score.queries += QUERIES_PER_ROUND;
                let connection = (seen.backend, seen.opened);
                if !score.connections.contains(&connection) {
                    score.connections.push(connection);
                }
            }
            Ok(seen) => score
                .errors
                .push(format!("wrote {note:?} and read {:?}", seen.note)),
            Err(error) => score.errors.push(error),
        }
    }

    pub(crate) fn read(&self) -> Score {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Score> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
