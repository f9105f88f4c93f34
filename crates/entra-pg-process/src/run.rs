//! A program that this process becomes, or starts and waits for.

use std::process::Command;

use crate::{Error, Signals, platform};

/// Runs the program to its end, and returns its exit status as a shell gives it. Hands on the signals that only this process
/// gets. A status above 255, as programs on Windows may have, becomes 125.
///
/// # Errors
/// The program cannot be run.
pub async fn run(command: Command, signals: &mut Signals) -> Result<u8, Error> {
    let program = command.get_program().to_owned();
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .map_err(|error| Error::cannot_run(&program, &error))?;
    loop {
        tokio::select! {
            ended = child.wait() => {
                return ended.map(platform::status).map_err(|error| Error::wrapper("cannot wait for the program", &error));
            }
            signal = signals.recv() => platform::hand_on(signal, &child),
        }
    }
}

/// Replaces this process with the program, which keeps its signals and its exit status. Returns only if that fails.
///
/// Windows cannot replace a process: there the program is started, and this process exits as it does.
pub fn exec(command: &mut Command) -> Error {
    let error = platform::exec(command);
    Error::cannot_run(command.get_program(), &error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signal;

    #[test]
    fn all_types_can_be_sent_and_shared() {
        fn check<T: Send + Sync>() {}
        check::<Error>();
        check::<Signal>();
        check::<Signals>();
    }
}
