//! What each address did, for the one error when none could be used.

use super::{Attempt, Failure, Step};
use crate::{Error, ErrorKind};

/// How many are listed. A name may have fifty addresses.
const LISTED: usize = 6;

#[derive(Default)]
pub(super) struct Tried(Vec<One>);

struct One {
    place: String,
    failure: Failure,
    part: Attempt,
    step: Step,
}

impl Tried {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a server could be used but for `target_session_attrs`.
    pub(super) fn some_unsuitable(&self) -> bool {
        self.0.iter().any(|one| one.failure.is_unsuitable())
    }

    pub(super) fn add(&mut self, place: String, failure: Failure, part: &Attempt) {
        self.0.push(One {
            place,
            failure,
            part: part.clone(),
            step: part.step(),
        });
    }

    /// The failure of the only address; else one that lists them. `left` have not been tried.
    pub(super) fn into_failure(mut self, left: usize) -> Failure {
        if self.0.len() == 1 && left == 0 {
            return self.0.remove(0).failure;
        }
        let errors: Vec<_> = self.0.into_iter().map(One::into_error).collect();
        none_usable(&errors, left).into()
    }
}

impl One {
    fn into_error(self) -> (String, Error) {
        // Parts share the step, which has gone on.
        self.part.set_step(self.step);
        (self.place, self.failure.into_error("", &self.part))
    }
}

fn none_usable(errors: &[(String, Error)], left: usize) -> Error {
    let told = errors.iter().map(|(_, error)| error);
    let by_timeout = |error: &&Error| error.kind() == ErrorKind::ConnectTimeout;
    // A refusal says more than silence.
    let telling = told.clone().rfind(|error| !by_timeout(error));
    let list = list(errors, left);
    let error = match telling {
        Some(_) => Error::new(
            ErrorKind::Connect,
            format!("no server could be used: {list}"),
        ),
        None => Error::new(
            ErrorKind::ConnectTimeout,
            format!("no server could be used: {list}"),
        ),
    }
    .with_transient(told.clone().all(Error::is_transient));
    match telling.or_else(|| told.clone().next_back()) {
        Some(telling) => error.with_cure_of(telling),
        None => error,
    }
}

fn list(errors: &[(String, Error)], left: usize) -> String {
    let listed = errors.iter().take(LISTED);
    let mut parts: Vec<_> = listed
        .map(|(place, error)| format!("{place}: {}", error.message()))
        .collect();
    if let Some(more @ 1..) = errors.len().checked_sub(LISTED) {
        parts.push(format!("and {more} more"));
    }
    if left > 0 {
        parts.push(format!("{left} not tried for lack of time"));
    }
    parts.join("; ")
}
