use std::sync::Arc;

use futures::future::AbortHandle;

use super::*;
use crate::token::{
    clock::Clock,
    request::{Answer, RequestTask, Requester},
};

const TIMEOUT: Duration = Duration::from_secs(75);

/// An owner that is gone.
struct Gone;

impl Requester for Gone {
    fn finish(&self, _: u64, _: Moment, _: Answer) -> Result<Token, Error> {
        unreachable!("it is gone")
    }

    fn cancelled(&self, _: u64, _: Moment) {}
}

/// Begins a request without a task.
fn begin(state: &mut RefreshState, now: Moment) -> u64 {
    let id = state.next_id();
    let abort = AbortHandle::new_pair().0;
    state.begin(RequestTask::new(&Arc::new(Gone), id, now, abort).1, None);
    id
}

#[test]
fn a_request_is_not_overdue_before_it_could_end_itself() {
    let start = Clock::default().now();
    let mut state = RefreshState::new();
    begin(&mut state, start);
    let limit = TIMEOUT + OVERDUE_AFTER;
    state.take_overdue(TIMEOUT, start.after(limit));
    assert!(state.pending.is_some());
    state.take_overdue(TIMEOUT, start.after(limit + Duration::from_millis(1)));
    assert!(state.pending.is_none());
}

#[test]
fn a_request_that_may_take_for_ever_does_not_overflow() {
    let start = Clock::default().now();
    let mut state = RefreshState::new();
    begin(&mut state, start);
    state.take_overdue(Duration::MAX, start.after(Duration::from_secs(600)));
    assert!(state.pending.is_some());
}

#[test]
fn an_overdue_request_does_not_end_the_one_that_replaced_it() {
    let start = Clock::default().now();
    let mut state = RefreshState::new();
    let overdue = begin(&mut state, start);
    let later = start.after(Duration::from_secs(600));
    state.take_overdue(TIMEOUT, later);
    let current = begin(&mut state, later);
    state.remove(overdue);
    assert!(state.pending.is_some());
    state.remove(current);
    assert!(state.pending.is_none());
}
