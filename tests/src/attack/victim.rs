//! A process that connects: the small program `entra-pg-victim` over one adapter, or the doctor.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::mode::CONNECT_TIMEOUT;
use crate::adapters::{ALL, PROXY};

/// After that it hangs. No pool makes its user wait for so long.
const HANGS: Duration = Duration::from_secs(60);
/// Its own limit for that.
const DOCTORS_QUERY: Duration = Duration::from_secs(15);
/// What a process may ask the system for, in KiB: an attack takes no more of the machine, and an allocation beyond it fails.
pub const DATA_LIMIT: u64 = 512 * 1024;
/// What is kept of its output.
const KEPT: u64 = 4 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Adapter(&'static str),
    Doctor,
}

impl Victim {
    /// Every adapter, the proxy and the doctor.
    pub fn all() -> Vec<Self> {
        let adapters = ALL.into_iter().chain([PROXY]);
        let adapters = adapters.map(|adapter| Self::Adapter(adapter.name));
        adapters.chain([Self::Doctor]).collect()
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Adapter(name) => name,
            Self::Doctor => "doctor",
        }
    }

    /// Has a limit of memory, which the shell sets before it becomes the program.
    pub(super) fn command(self, programs: &Path) -> Command {
        let (program, argument) = match self {
            Self::Adapter(name) => ("entra-pg-victim", name),
            Self::Doctor => ("entra-pg", "doctor"),
        };
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &format!("ulimit -d {DATA_LIMIT} && exec \"$@\""),
                "sh",
            ])
            .arg(programs.join(program))
            .arg(argument);
        command
    }

    /// How long one call may take: the limit of the connect, or of the pool around it.
    pub(super) fn limit(self) -> Duration {
        match self {
            // A pool of bb8 tries again until its own timeout, see `acquire_timeout` in `adapters`.
            Self::Adapter(name) if name.contains("bb8") => CONNECT_TIMEOUT * 2,
            // It makes a handshake of its own first, and a query behind the login.
            Self::Doctor => CONNECT_TIMEOUT * 2 + DOCTORS_QUERY,
            // A pool that only reports a timeout is then asked for the cause.
            Self::Adapter("sqlx" | "SeaORM" | "sqlx 0.8" | "SeaORM 1.1") => CONNECT_TIMEOUT * 2,
            Self::Adapter(_) => CONNECT_TIMEOUT,
        }
    }
}

/// What came of a process.
pub(super) struct Ended {
    /// `None` for one that had to be killed.
    pub(super) status: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) took: Duration,
    /// The most memory that it ever had, in KiB.
    pub(super) peak: u64,
}

pub(super) async fn run(mut command: Command) -> Ended {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let started = Instant::now();
    let mut child = command
        .spawn()
        .expect("the victim starts: build all programs first");
    let stdout = tokio::spawn(read(child.stdout.take()));
    let stderr = tokio::spawn(read(child.stderr.take()));
    let mut peak = 0;
    let status = watch(&mut child, &mut peak).await;
    if status.is_none() {
        let _ = child.kill().await;
    }
    Ended {
        status,
        took: started.elapsed(),
        stdout: stdout.await.expect("no panic"),
        stderr: stderr.await.expect("no panic"),
        peak,
    }
}

/// Waits for its end, and looks at its memory all the while.
async fn watch(child: &mut Child, peak: &mut u64) -> Option<i32> {
    let id = child.id()?;
    let ended = timeout(HANGS, async {
        loop {
            *peak = peak_memory(&id.to_string()).max(*peak);
            tokio::select! {
                status = child.wait() => return status.expect("a child of ours"),
                () = sleep(Duration::from_millis(10)) => {}
            }
        }
    });
    ended.await.ok().map(|status| status.code().unwrap_or(-1))
}

/// Of a process, or of `self`, in KiB.
pub fn peak_memory(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

async fn read(output: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        let mut output = output.take(KEPT);
        let _ = output.read_to_end(&mut bytes).await;
        // A process that prints more must not wait for a reader.
        let _ = tokio::io::copy(&mut output.into_inner(), &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
