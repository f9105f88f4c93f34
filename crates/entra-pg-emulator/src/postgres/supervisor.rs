//! The process that stands between us and PostgreSQL.
//!
//! It is a shell whose standard input is a pipe that only we hold. However this process ends, the pipe
//! closes, and the shell stops PostgreSQL and removes the directory. It runs as PostgreSQL's account and
//! in a separate process group, so a Ctrl-C in the terminal reaches only us.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tempfile::TempDir;

use super::{Binaries, config::SUPERUSER};
use crate::{
    Error,
    resources::{Account, Layout, directory},
    sync::lock,
};

/// For one that hangs, not for a machine that is slow. PostgreSQL itself kills its children after 5 s of an immediate shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// A running supervisor, until [`Supervisor::shutdown`].
pub(crate) struct Supervisor {
    directory: Mutex<Option<TempDir>>,
    stdin: Mutex<Option<ChildStdin>>,
    stdout: Mutex<BufReader<ChildStdout>>,
    child: Mutex<Child>,
}

impl Supervisor {
    /// Creates the directory and starts the supervisor, which first copies the template, or runs `initdb`.
    pub(crate) fn start(
        binaries: &Binaries,
        account: Option<Account>,
        template: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let directory = directory::create(account)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", include_str!("supervisor.sh"), "entra-pg-emulator"])
            .arg(directory.path())
            .arg(&binaries.directory)
            .arg(SUPERUSER)
            .arg(template.unwrap_or_default())
            .current_dir("/")
            .env_clear()
            .envs(std::env::var_os("LD_LIBRARY_PATH").map(|value| ("LD_LIBRARY_PATH", value)))
            // LDAPNOINIT: the machine's ldap.conf must not redirect or slow the verdict.
            .envs([
                ("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"),
                ("LC_ALL", "C"),
                ("LDAPNOINIT", "1"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some(account) = account {
            command.uid(account.uid).gid(account.gid);
        }
        let mut child = command.spawn().map_err(Error::io("start /bin/sh"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Stopped);
        };
        Ok(Self {
            directory: Mutex::new(Some(directory)),
            stdin: Mutex::new(Some(stdin)),
            stdout: Mutex::new(BufReader::new(stdout)),
            child: Mutex::new(child),
        })
    }

    pub(crate) fn directory(&self) -> Result<Layout, Error> {
        lock(&self.directory)
            .as_ref()
            .map(|directory| Layout {
                root: directory.path().to_owned(),
            })
            .ok_or(Error::Stopped)
    }

    /// Sends a command; [`Self::read_status`] reads the result.
    pub(crate) fn send_command(&self, command: &str) -> Result<(), Error> {
        let mut stdin = lock(&self.stdin);
        let stdin = stdin.as_mut().ok_or(Error::Stopped)?;
        writeln!(stdin, "{command}").map_err(Error::io("write to PostgreSQL's supervisor"))
    }

    /// Waits for the next exit status. Blocks; [`Self::shutdown`] from another thread ends it.
    pub(crate) fn read_status(&self) -> Result<i32, Error> {
        let mut line = String::new();
        let mut stdout = lock(&self.stdout);
        stdout
            .read_line(&mut line)
            .map_err(Error::io("read from PostgreSQL's supervisor"))?;
        line.trim().parse().map_err(|_| Error::Stopped)
    }

    /// Stops PostgreSQL and removes the directory. Blocks for a moment, or for 30 s if it does not end; later calls do nothing.
    pub(crate) fn shutdown(&self) -> Result<(), Error> {
        drop(lock(&self.stdin).take());
        let Some(directory) = lock(&self.directory).take() else {
            return Ok(());
        };
        let mut child = lock(&self.child);
        // For `initdb`, which may still run; the shell ignores it.
        signal_group(&child, Signal::SIGTERM);
        if !exits_within(&mut child, SHUTDOWN_TIMEOUT) {
            tracing::warn!(target: "entra_pg_emulator", "PostgreSQL's supervisor did not exit in time; killing it");
            signal_group(&child, Signal::SIGKILL);
            _ = child.wait();
        }
        let path = directory.path().to_owned();
        drop(directory);
        if path.exists() {
            Err(Error::LeftBehind(path))
        } else {
            Ok(())
        }
    }
}

fn signal_group(child: &Child, signal: Signal) {
    if let Ok(group) = i32::try_from(child.id()) {
        _ = killpg(Pid::from_raw(group), signal);
    }
}

fn exits_within(child: &mut Child, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Ok(status) => return status.is_some(),
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use tempfile::TempDir;

    use super::*;

    /// Ends at a signal, but at first misses those that come.
    const DEAF_AT_FIRST: &str = "#!/bin/sh
trap '' TERM
touch \"${0%/*}/deaf\"
sleep 1
touch \"${0%/*}/hearing\"
trap 'touch \"${0%/*}/ended\"; exit' TERM
while :; do sleep 0.05; done
";

    fn program(directory: &Path, name: &str, script: &str) {
        let path = directory.join(name);
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
    }

    #[test]
    fn a_signal_that_came_too_early_for_the_server_is_not_the_only_one() {
        let directory = TempDir::new().expect("a directory");
        program(directory.path(), "initdb", "#!/bin/sh\nmkdir \"$2\"\n");
        program(directory.path(), "postgres", DEAF_AT_FIRST);
        let binaries = Binaries {
            directory: directory.path().to_owned(),
            major: 16,
        };
        let supervisor = Supervisor::start(&binaries, None, None).expect("starts");
        assert_eq!(supervisor.read_status().expect("a status"), 0);
        supervisor.send_command("start").expect("sent");
        assert_eq!(supervisor.read_status().expect("a status"), 0);
        let exists = |name: &str| directory.path().join(name).exists();
        while !exists("deaf") {
            thread::sleep(Duration::from_millis(5));
        }
        let group = i32::try_from(lock(&supervisor.child).id()).expect("a process");
        thread::scope(|scope| {
            let shutdown = scope.spawn(|| supervisor.shutdown());
            // The one that the shutdown sends to the group may come as late as this.
            while !exists("hearing") {
                _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
                thread::sleep(Duration::from_millis(5));
            }
            shutdown.join().expect("no panic").expect("it ends");
        });
        assert!(exists("ended"), "it was killed");
    }
}
