//! What a console sends, and a program that is started in place of this process.

use std::{
    io,
    process::{Command, ExitStatus},
};

use tokio::{
    process::Child,
    signal::windows::{self, CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown},
};

use crate::{Signal, WRAPPER_FAILED};

#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: CtrlC,
    quit: CtrlBreak,
    log_off: CtrlLogoff,
    shutdown: CtrlShutdown,
    close: CtrlClose,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: windows::ctrl_c()?,
            quit: windows::ctrl_break()?,
            log_off: windows::ctrl_logoff()?,
            shutdown: windows::ctrl_shutdown()?,
            close: windows::ctrl_close()?,
        })
    }

    pub(crate) async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.log_off.recv() => Signal::Terminate,
            _ = self.shutdown.recv() => Signal::Terminate,
            _ = self.close.recv() => Signal::Hangup,
        }
    }
}

/// Starts the program, and exits as it does. Returns only if it cannot be started.
pub(crate) fn exec(command: &mut Command) -> io::Error {
    // The console sends these to the program, too, which decides.
    let (_interrupt, _quit) = (windows::ctrl_c(), windows::ctrl_break());
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(WRAPPER_FAILED.into())),
        Err(error) => error,
    }
}

/// A console sends everything to all its processes.
pub(crate) fn hand_on(_signal: Signal, _child: &Child) {}

pub(crate) fn status(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(WRAPPER_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;

    async fn status_of(program: &str, arguments: &[&str]) -> u8 {
        let mut signals = crate::Signals::new().expect("listens");
        let mut command = Command::new(program);
        command.args(arguments);
        run(command, &mut signals)
            .await
            .unwrap_or_else(|error| error.exit_status())
    }

    #[tokio::test]
    async fn exit_statuses_are_the_programs() {
        assert_eq!(status_of("cmd", &["/c", "exit 7"]).await, 7);
        assert_eq!(status_of("cmd", &["/c", "exit 7000"]).await, 125);
        assert_eq!(status_of("no-such-program", &[]).await, 127);
    }
}
