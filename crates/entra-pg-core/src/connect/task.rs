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

/// Dropping it ends the task when that next yields.
struct Task<T>(JoinHandle<T>);

impl Attempt {
    /// Does work of a driver in a task of its own: if a read of the driver does not yield, as under a flood of messages, the
    /// caller's deadline still fires, and it goes on without the task. That needs another thread of the runtime: on a
    /// `current_thread` runtime such a read stops everything. Returns `None` if the runtime shuts down first; dropping what is
    /// returned ends the task when that next yields.
    ///
    /// # Panics
    /// Outside of a Tokio runtime. Awaiting the result resumes a panic of `work`.
    pub fn spawn<T, F>(&self, work: F) -> impl Future<Output = Option<T>> + Send + Unpin + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        Task(tokio::spawn(
            work.in_current_span().with_current_subscriber(),
        ))
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(done) => Some(done),
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
