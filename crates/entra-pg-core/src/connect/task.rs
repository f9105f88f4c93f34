//! Work of a connect that can be abandoned.

use std::{
    future::Future,
    panic,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::task::JoinHandle;
use tracing::{Instrument, instrument::WithSubscriber};

use super::Attempt;
use crate::workers::{Awake, keep_awake};

/// Dropping it ends the task when that next yields, and the thread beside it.
struct Task<T> {
    handle: JoinHandle<T>,
    _awake: Awake,
}

impl Attempt {
    /// Does work of a driver in a task of its own: if a read of the driver does not yield, as under a flood of messages, the
    /// caller's deadline still fires, and it goes on without the task. That needs another worker of the runtime, which a thread
    /// beside it wakes: on a runtime with one worker, or a `current_thread` one, such a read stops everything. Returns `None` if
    /// the runtime shuts down first; dropping what is returned ends the task when that next yields.
    ///
    /// # Panics
    /// Outside of a Tokio runtime. Awaiting the result resumes a panic of `work`.
    pub fn spawn<T, F>(&self, work: F) -> impl Future<Output = Option<T>> + Send + Unpin + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let work = work.in_current_span().with_current_subscriber();
        Task {
            handle: tokio::spawn(work),
            _awake: keep_awake(),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(match ready!(Pin::new(&mut self.handle).poll(context)) {
            Ok(done) => Some(done),
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}
