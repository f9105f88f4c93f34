//! Why a program did not run, and the exit status that says so.

use std::{ffi::OsStr, fmt, io};

/// The exit status of `env`, `nohup` and `timeout` when they fail themselves.
pub const WRAPPER_FAILED: u8 = 125;
/// A shell's exit status for a program that cannot be run.
pub const NOT_EXECUTABLE: u8 = 126;
/// A shell's exit status for a program that does not exist.
pub const NOT_FOUND: u8 = 127;

/// Why a program did not run. `Display` holds everything; there is no source.
#[derive(Debug)]
pub struct Error {
    message: String,
    exit_status: u8,
}

impl Error {
    pub(crate) fn cannot_run(program: &OsStr, error: &io::Error) -> Self {
        let hint = if cfg!(windows) && error.kind() == io::ErrorKind::NotFound {
            " (a script needs its ending: npm.cmd)"
        } else {
            ""
        };
        Self {
            message: format!("cannot run {}: {error}{hint}", program.display()),
            exit_status: match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            },
        }
    }

    pub(crate) fn wrapper(what: &str, error: &io::Error) -> Self {
        Self {
            message: format!("{what}: {error}"),
            exit_status: WRAPPER_FAILED,
        }
    }

    /// Returns the exit status that a shell would give.
    ///
    /// ```
    /// let error = entra_pg_process::exec(&mut std::process::Command::new("/etc/passwd"));
    /// assert_eq!(error.exit_status(), entra_pg_process::NOT_EXECUTABLE);
    /// ```
    pub fn exit_status(&self) -> u8 {
        self.exit_status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
