//! Runs the command with its own temporary directory, so that a test sees what it leaves behind.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_entra-pg-emulator");
const TIMEOUT: Duration = Duration::from_secs(30);

/// A temporary directory that must end up empty.
pub(crate) struct TempRoot(TempDir);

impl TempRoot {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("t")
            .tempdir_in("/tmp")
            .unwrap();
        // Open to the account PostgreSQL runs as, as /tmp is.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        Self(root)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env("TMPDIR", self.0.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    /// The emulator's directory, once there is one.
    pub(crate) fn directory(&self) -> PathBuf {
        eventually("a directory", || self.entries().pop())
    }
}

/// An emulator that stays up, and what it exports.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) environment: HashMap<String, String>,
}

impl Running {
    #[expect(clippy::zombie_processes, reason = "the test fails then")]
    pub(crate) fn start(root: &TempRoot, arguments: &[&str]) -> Self {
        let mut child = root
            .command(&[&["run"], arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut environment = HashMap::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines {
            let line = line.unwrap();
            let Some((name, value)) = line
                .strip_prefix("export ")
                .and_then(|line| line.split_once('='))
            else {
                continue;
            };
            environment.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            if name == "IDENTITY_HEADER" {
                return Self { child, environment };
            }
        }
        panic!("it ended before it was ready");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Sends a request to the plain listener.
    pub(crate) fn http(&self, method: &str, target: &str, body: &str) -> String {
        http(
            &self.environment["EMULATOR_CONTROL"],
            &format!("{method} {target} HTTP/1.0"),
            body,
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal(Signal::SIGTERM);
            self.child.wait().unwrap();
        }
    }
}

/// Sends a request; `head` is its first line and headers. The whole answer, or what came before a reset.
pub(crate) fn http(base: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    write!(
        stream,
        "{head}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    end.map_or_else(
        |error| format!("{:?}", error.kind()),
        |_| String::from_utf8(answer).unwrap(),
    )
}

/// Waits until there is something.
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
