//! The asynchronous part of a subcommand.

use std::thread;

use entra_pg_core::{Error, ErrorKind};
use entra_pg_process::Signals;
use tokio::sync::oneshot;

use crate::{failure::Failure, status};

/// Runs the future to its end. Does not wait for what it leaves behind, such as a name look-up that hangs.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                status::OTHER,
                format!("cannot start the Tokio runtime: {error}"),
            )
        })?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// As [`block_on`], but a signal cancels the future, and with it a tool that was started for a token. Not to be used before
/// `exec`: the handlers undo a signal that was ignored at start, as under `nohup`, for the program, too.
pub(crate) fn block_on_until_signalled<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            result = work => result,
            signal = signals.recv() => Err(Failure::silent(signal.exit_status())),
        }
    })
}

/// Runs a job that reads files, on a thread that nothing waits for: a read from a dead mount must not keep a signal waiting.
pub(crate) async fn aside<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = oneshot::channel();
    let spawned = thread::Builder::new().spawn(move || drop(sender.send(job())));
    spawned.map_err(|error| no_thread(&error.to_string()))?;
    receiver.await.map_err(|_| no_thread("it panicked"))
}

fn no_thread(reason: &str) -> Error {
    Error::new(
        ErrorKind::Runtime,
        format!("no thread to read the configuration: {reason}"),
    )
}
