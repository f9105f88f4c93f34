use std::{
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_tests::{adapters::NamedAdapter, record::Measured, scenarios::FaultScenario};
use futures::future::join_all;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{sleep, timeout},
};

use super::{fetches_per_connection, is_refusal, start, stop, took};
use crate::adapters::ALL;

const LIFETIME: Duration = Duration::from_secs(8);
/// What is documented: up to a second, and one token request; with room for a machine that is busy with other things.
const MOMENT: Duration = Duration::from_secs(8);

/// What the worker writes about each operation.
#[derive(Clone, Debug, Deserialize)]
struct Operation {
    at_ms: u64,
    took_ms: u64,
    error: Option<String>,
    generation: Option<u64>,
    expires_ms: Option<u64>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_frozen_past_expiry_opens_connections_at_once() {
    let emulator = start(LIFETIME).await;
    join_all(ALL.map(|adapter| freeze(&emulator, adapter))).await;
    stop(emulator).await;
}

async fn freeze(emulator: &Emulator, NamedAdapter { name, .. }: NamedAdapter) {
    let (mut worker, mut lines) = spawn(emulator, name);
    let mut last = next(&mut lines, name).await;
    while last.error.is_some()
        || last
            .expires_ms
            .is_none_or(|expires| expires < now_ms() + 2_000)
    {
        assert_eq!(last.error, None, "{name}: before any fault");
        last = next(&mut lines, name).await;
    }
    let process = Pid::from_raw(
        worker
            .id()
            .expect("it runs")
            .try_into()
            .expect("a process id"),
    );
    kill(process, Signal::SIGSTOP).expect("stops");
    let (before, expires) = (
        last.generation.unwrap_or_default(),
        last.expires_ms.unwrap_or_default(),
    );
    sleep(Duration::from_millis(
        expires.saturating_sub(now_ms()) + 1_500,
    ))
    .await;
    let thawed = now_ms();
    kill(process, Signal::SIGCONT).expect("goes on");
    let (mut seen, mut well) = (Vec::new(), 0);
    while well < 5
        || seen
            .last()
            .is_some_and(|last: &Operation| last.at_ms < thawed + 2_000)
    {
        let operation = next(&mut lines, name).await;
        well = if operation.error.is_none() {
            well + 1
        } else {
            0
        };
        seen.push(operation);
    }
    drop(worker.stdin.take());
    let ended = timeout(Duration::from_secs(60), worker.wait()).await;
    assert!(ended.expect("it ends").expect("it ran").success(), "{name}");
    judge(name, thawed, before, &seen);
}

fn judge(name: &str, thawed: u64, before: u64, seen: &[Operation]) {
    let failed: Vec<_> = seen
        .iter()
        .filter(|operation| operation.error.is_some())
        .collect();
    let last = failed
        .last()
        .map_or(0, |last| last.at_ms.saturating_sub(thawed) + last.took_ms);
    let moment = Duration::from_millis(last);
    if fetches_per_connection(name) {
        assert!(failed.is_empty(), "{name}: {failed:?}");
    }
    assert!(moment < MOMENT, "{name}: {failed:?}");
    for operation in &failed {
        let error = operation.error.as_deref().unwrap_or_default();
        assert!(is_refusal(error), "{name}: {error}");
    }
    let after = seen
        .iter()
        .filter_map(|operation| operation.generation)
        .max()
        .unwrap_or_default();
    let note = if failed.is_empty() {
        String::new()
    } else {
        took("the moment:", moment)
    };
    Measured {
        row: FaultScenario::Freeze,
        adapter: name.to_owned(),
        case: "frozen".to_owned(),
        operations: seen.len() as u64,
        failed: failed.len() as u64,
        token_requests: after - before,
        longest: Duration::from_millis(
            // The one that was under way was frozen, too.
            seen.iter()
                .filter(|operation| operation.at_ms >= thawed)
                .map(|operation| operation.took_ms)
                .max()
                .unwrap_or_default(),
        ),
        note,
    }
    .record();
}

fn spawn(emulator: &Emulator, name: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-pg-worker"));
    emulator.configure_command(command.as_std_mut(), CredentialSource::ManagedIdentity);
    let mut worker = command
        .args(["operate", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the worker starts");
    let lines = BufReader::new(worker.stdout.take().expect("piped")).lines();
    (worker, lines)
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>, name: &str) -> Operation {
    let line = timeout(Duration::from_secs(60), lines.next_line()).await;
    let line = line.unwrap_or_else(|_| panic!("{name} hangs"));
    let line = line
        .expect("it can be read")
        .unwrap_or_else(|| panic!("{name} has ended"));
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name}: {line}: {error}"))
}

fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    u64::try_from(now.as_millis()).expect("a number")
}
