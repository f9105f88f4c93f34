//! An example that runs: its output, and how it ends.

use std::{
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use entra_pg_emulator::{CredentialSource, Emulator};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::{fixtures::eventually, probe::built};

/// Half of it, what a token has left at the least when it is used, has to suffice for a login on a busy machine.
pub const LIFETIME: Duration = Duration::from_secs(12);
/// For a program that would hang, not for a machine that is slow.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program rightly calls an error when a test drops its connection in the middle of something.
const LOST: [&str; 5] = [
    "terminating connection due to administrator command",
    "closed the connection unexpectedly",
    "end of file",
    "reset by peer",
    "Broken pipe",
];

pub async fn emulator() -> Emulator {
    Emulator::builder()
        .role("app")
        .role("reports")
        .token_lifetime(LIFETIME)
        .start()
        .await
        .expect("starts")
}

/// The command in the emulator's environment.
pub fn command(emulator: &Emulator, name: &str) -> Command {
    let mut command = std::process::Command::new(built(name));
    emulator.configure_command(&mut command, CredentialSource::ManagedIdentity);
    let mut command = Command::from(command);
    command.env("PORT", "0").kill_on_drop(true);
    command
}

pub struct Program {
    child: Child,
    input: ChildStdin,
    output: Lines,
    logged: Lines,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        Self {
            input: child.stdin.take().expect("piped"),
            output: Lines::of(child.stdout.take().expect("piped")),
            logged: Lines::of(child.stderr.take().expect("piped")),
            child,
        }
    }

    pub async fn type_line(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("it reads");
    }

    /// The lines of its output so far.
    pub fn output(&self) -> Vec<String> {
        self.output.all()
    }

    /// Waits for a line of its output.
    pub async fn prints<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = self.output().iter().find_map(|line| wanted(line)) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LIMIT, wait)
            .await
            .unwrap_or_else(|_| panic!("it never printed {what}\n{}", self.account()))
    }

    /// Stops it as an orchestrator does. Nothing is left of it then, and it has logged no error but
    /// of connections that were dropped.
    pub async fn stop(mut self, emulator: &Emulator) {
        let id = self.child.id().expect("it still runs");
        let id = Pid::from_raw(id.try_into().expect("a process id"));
        kill(id, Signal::SIGTERM).expect("it still runs");
        let status = self.ended().await;
        assert!(status.success(), "{status}\n{}", self.account());
        eventually("no connection is left", || async {
            emulator
                .control()
                .connections()
                .await
                .is_ok_and(|left| left == 0)
        })
        .await;
        let mut logged = self.logged.all();
        logged.retain(|line| line.contains(" ERROR "));
        logged.retain(|line| !LOST.iter().any(|loss| line.contains(loss)));
        assert!(logged.is_empty(), "{logged:#?}");
    }

    async fn ended(&mut self) -> ExitStatus {
        timeout(LIMIT, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("it does not stop\n{}", self.account()))
            .expect("a status")
    }

    /// Its output and its log.
    pub fn account(&self) -> String {
        [self.output.all(), self.logged.all()].concat().join("\n")
    }
}

/// The lines of a stream, as they come.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines = Self::default();
        let collected = lines.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).lines();
            while let Ok(Some(line)) = stream.next_line().await {
                collected.lock().push(line);
            }
        });
        lines
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().expect("no panic under this lock")
    }

    fn all(&self) -> Vec<String> {
        self.lock().clone()
    }
}
