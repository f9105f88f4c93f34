//! A runtime whose tasks the checker runs, and which can be shut down at any point.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    mem,
};

use shuttle::future::{self, JoinHandle};

thread_local! {
    static TASKS: RefCell<Vec<JoinHandle<()>>> = const { RefCell::new(Vec::new()) };
    static DROPS_NEXT: Cell<bool> = const { Cell::new(false) };
}

/// What Tokio would say without a runtime.
pub(crate) struct NoRuntime;

/// In place of a runtime's handle. There is always a runtime.
pub(crate) struct Handle;

impl Handle {
    #[allow(clippy::unnecessary_wraps, reason = "as Tokio's")]
    pub(crate) fn try_current() -> Result<Self, NoRuntime> {
        Ok(Self)
    }

    #[allow(clippy::unused_self, reason = "as Tokio's")]
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        if DROPS_NEXT.take() {
            drop(future);
            return;
        }
        let task = future::spawn(future);
        TASKS.with_borrow_mut(|tasks| tasks.push(task));
    }
}

pub(crate) fn reset() {
    TASKS.take();
    DROPS_NEXT.set(false);
}

/// The next task is dropped inside of `spawn`, as by a runtime that is going down.
pub(crate) fn drop_next() {
    DROPS_NEXT.set(true);
}

/// Drops all tasks at whatever point each has come to.
pub(crate) fn shut_down() {
    let tasks = TASKS.with_borrow(|tasks| {
        tasks
            .iter()
            .map(JoinHandle::abort_handle)
            .collect::<Vec<_>>()
    });
    for task in tasks {
        task.abort();
    }
}

/// Waits until all tasks have ended. One that never does is found as a deadlock.
pub(crate) async fn all_ended() {
    loop {
        let tasks = TASKS.with_borrow_mut(mem::take);
        if tasks.is_empty() {
            return;
        }
        for task in tasks {
            let _ = task.await;
        }
    }
}
