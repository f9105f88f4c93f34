//! What a contestant has done so far, as the display shows it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    contestant::{QUERIES_PER_ROUND, Seen},
    pasted::Failure,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) queries: u64,
    /// Distinct connections, as far as the client has seen them. The report counts by the server's records.
    pub(crate) connections: Vec<(i32, i64)>,
    pub(crate) errors: Vec<String>,
    /// Whether the first error is the refusal of a token that had expired. Only the control is asked.
    pub(crate) outlived: bool,
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

    /// As [`count`](Self::count), for the control.
    pub(crate) fn count_control(&self, note: &str, result: Result<Seen, Failure>) {
        if let Err(failure) = &result {
            let mut score = self.lock();
            if score.errors.is_empty() {
                score.outlived = failure.outlived;
            }
        }
        self.count(note, result.map_err(|failure| failure.text));
    }

    /// A connection that does not close as documented is an error like any other.
    pub(crate) fn count_close(&self, result: Result<(), String>) {
        if let Err(error) = result {
            self.lock().errors.push(format!("closing: {error}"));
        }
    }

    pub(crate) fn read(&self) -> Score {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Score> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
