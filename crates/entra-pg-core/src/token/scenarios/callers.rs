//! Callers without a token.

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

/// Callers of an endpoint that fails: one request, and all get its error.
pub fn cold_callers_of_an_endpoint_that_fails(callers: usize) {
    let world = execute(&[Answer::Failure], NEVER, async |cache, _| {
        let callers: Vec<_> = (0..callers).map(|_| caller(&cache, NEVER)).collect();
        for caller in callers {
            let error = finished(caller).await.err().map(|error| error.kind());
            assert_eq!(error, Some(ErrorKind::TokenRequest));
        }
    });
    one_at_a_time(&world);
    assert_eq!(world.requests(), 1);
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
