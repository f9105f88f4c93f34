//! Timers of a runtime while a peer floods one of its workers.
//!
//! A task whose reads find bytes at once, time after time, takes up a worker. If that worker has driven the runtime's timers,
//! nobody does until another one runs, and no deadline fires: <https://github.com/tokio-rs/tokio/issues/4730>.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use tokio::runtime::Handle;

const WAKE_INTERVAL: Duration = Duration::from_millis(250);

/// Dropping it ends the thread.
pub(crate) struct Awake {
    _alive: mpsc::Sender<()>,
}

/// Wakes a worker of this runtime again and again, from a thread of its own. Without the thread, or with one worker, nothing is
/// woken.
pub(crate) fn keep_awake() -> Awake {
    let (alive, ended) = mpsc::channel();
    if let Ok(runtime) = Handle::try_current() {
        let wake = move || {
            while ended.recv_timeout(WAKE_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                runtime.spawn(async {});
            }
        };
        let thread = thread::Builder::new().name("entra-pg-wake".to_owned());
        let _ = thread.spawn(wake);
    }
    Awake { _alive: alive }
}
