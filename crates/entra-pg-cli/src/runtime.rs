//! The asynchronous part of a subcommand.

use crate::{
    failure::Failure,
    signals::{Signals, killed_by},
    status,
};

/// Runs it to its end. What it leaves behind, such as a name look-up that hangs, is not waited for.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(status::OTHER, format!("no runtime: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// As [`block_on`], until a signal asks us to end. What is under way is dropped then, and a tool that was to give a token ends
/// with it. Not before a program takes our place: a signal that we were started deaf to, as by `nohup`, would end that.
pub(crate) fn block_on_until_signalled<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            result = work => result,
            signal = signals.next() => Err(Failure::silent(killed_by(signal))),
        }
    })
}
