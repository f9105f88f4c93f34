//! A signal that ends a process, and the exit status that says so.

/// A signal that ends a process unless it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGINT`, as by Ctrl-C.
    Interrupt,
    /// `SIGQUIT`, as by Ctrl-\; Ctrl-Break on Windows.
    Quit,
    /// `SIGTERM`; on Windows the user logs off, or the system shuts down.
    Terminate,
    /// `SIGHUP`: the terminal is gone. On Windows its window was closed.
    Hangup,
}

impl Signal {
    /// Returns a shell's exit status for a program that the signal ended.
    ///
    /// ```
    /// assert_eq!(entra_pg_process::Signal::Terminate.exit_status(), 143);
    /// ```
    pub fn exit_status(self) -> u8 {
        exit_status(match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Terminate => 15,
        })
    }
}

/// No signal has a number above 64.
pub(crate) fn exit_status(signal: i32) -> u8 {
    u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_status() {
        assert_eq!(Signal::Interrupt.exit_status(), 130);
        assert_eq!(Signal::Hangup.exit_status(), 129);
    }
}
