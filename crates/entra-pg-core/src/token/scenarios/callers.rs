//! Callers without a token.

use std::time::Duration;

use shuttle::future::spawn;

use super::fixture::{Answer, caller, execute, finished, generation, one_at_a_time};
use crate::{
    ErrorKind,
    sync::checker::{tasks, time::NEVER},
};

/// Callers that find no token: one request, and all get its token.
pub fn cold_callers(callers: usize) {
    let world = execute(&[], NEVER, async |cache, _| {
        let callers: Vec<_> = (0..callers).map(|_| caller(&cache, NEVER)).collect();
        for caller in callers {
            assert_eq!(generation(caller).await, 1);
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// Callers of an endpoint that refuses: one request, and all get its error.
pub fn cold_callers_of_an_endpoint_that_refuses(callers: usize) {
    let world = execute(&[Answer::Refusal], NEVER, async |cache, _| {
        let callers: Vec<_> = (0..callers).map(|_| caller(&cache, NEVER)).collect();
        for caller in callers {
            let error = finished(caller).await.err().map(|error| error.kind());
            assert_eq!(error, Some(ErrorKind::TokenRequest));
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// Callers of an endpoint that is not there yet: requests one at a time, until all get the token of the one that succeeds.
pub fn cold_callers_of_an_endpoint_that_is_late(callers: usize) {
    let answers = [Answer::Failure, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, _| {
        let callers: Vec<_> = (0..callers).map(|_| caller(&cache, NEVER)).collect();
        for caller in callers {
            assert_eq!(generation(caller).await, 1);
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 3);
}

/// Callers whose time runs out at any point of the backoff, beside one that goes on: an error, never a request for each.
pub fn cold_callers_that_run_out_of_time() {
    let answers = [Answer::Failure, Answer::Failure];
    let world = execute(&answers, NEVER, async |cache, _| {
        let patient = caller(&cache, NEVER);
        let hasty = [2, 3].map(|seconds| caller(&cache, Duration::from_secs(seconds)));
        for caller in hasty {
            let kind = finished(caller).await.err().map(|error| error.kind());
            let expected = [
                None,
                Some(ErrorKind::TokenTimeout),
                Some(ErrorKind::TokenRequest),
            ];
            assert!(expected.contains(&kind), "{kind:?}");
        }
        assert_eq!(generation(patient).await, 1);
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 3);
}

/// A credential that panics ends the request as a failure does.
pub fn a_credential_that_panics() {
    let world = execute(&[Answer::Panic], NEVER, async |cache, _| {
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            assert!(finished(caller).await.is_err());
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// A caller that is dropped at any point takes nothing from the other.
pub fn a_caller_that_goes_away() {
    let world = execute(&[], NEVER, async |cache, _| {
        let (leaves, stays) = (caller(&cache, NEVER), caller(&cache, NEVER));
        leaves.abort();
        assert_eq!(generation(stays).await, 1);
        let _ = leaves.await;
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}

/// The runtime drops the request at any point: a waiter wakes, and one takes over.
pub fn a_request_that_is_lost() {
    let world = execute(&[], NEVER, async |cache, _| {
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        let end = spawn(async { tasks::shut_down() });
        for caller in callers {
            assert!((1..=2).contains(&generation(caller).await));
        }
        finished(end).await;
    });
    one_at_a_time(&world);
    assert!(world.requests() <= 2, "{}", world.requests());
}

/// A runtime that is going down drops the task inside of `spawn`.
pub fn a_request_that_never_starts() {
    let world = execute(&[], NEVER, async |cache, _| {
        tasks::drop_next();
        let callers = [caller(&cache, NEVER), caller(&cache, NEVER)];
        for caller in callers {
            assert_eq!(generation(caller).await, 1);
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
}
