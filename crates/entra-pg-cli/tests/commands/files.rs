//! Files that no read comes back from, and tools that print or run for ever: each command ends, says why, and obeys Ctrl-C.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use entra_pg_emulator::{CredentialSource, TokenSpec};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rstest::rstest;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::fixtures::{PATIENCE, PROGRAM, az_script, bare, outcome, shared, signed_in, write};

const COMMANDS: [&[&str]; 6] = [
    &["token"],
    &["whoami"],
    &["doctor"],
    &["exec", "--", "true"],
    &["proxy", "--", "true"],
    &["psql", "-c", "select 1"],
];

fn pipe(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
    path
}

/// With this variable naming this file.
fn naming(command: &mut Command, variable: &str, file: &Path, timeout: u64) {
    let source = match variable {
        "AZURE_CLIENT_CERTIFICATE_PATH" => CredentialSource::ClientCertificate,
        _ => CredentialSource::WorkloadIdentity,
    };
    let url = format!("{}?connect_timeout={timeout}", shared().url());
    command
        .envs(shared().environment(source))
        // The emulator's file may be another user's, whom a namespace does not know.
        .env("PGSSLROOTCERT", "system")
        .env(variable, file)
        .env("DATABASE_URL", url);
}

#[rstest]
#[tokio::test]
async fn a_pipe_in_place_of_a_file_ends_every_command_with_its_name(
    #[values(
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "PGSSLROOTCERT"
    )]
    variable: &str,
) {
    let folder = TempDir::new().expect("a folder");
    let pipe = pipe(&folder);
    let expected = "it is a pipe, not a file";
    for arguments in COMMANDS {
        let mut command = bare(arguments);
        naming(&mut command, variable, &pipe, 15);
        let outcome = outcome(command).await;
        assert_ne!(outcome.status, 0, "{arguments:?}");
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let path = pipe.display().to_string();
        assert!(
            said.contains(expected) && said.contains(&path),
            "{arguments:?}: {said}"
        );
    }
}

/// A file system that answers nothing: FUSE, whose other end nobody reads. In a namespace of the program's own, so that it
/// needs no privileges and goes with the program.
fn with_dead_mount(folder: &Path, arguments: &[&str]) -> Command {
    const SCRIPT: &str = r#"exec 3<>/dev/fuse &&
        mount -i -t fuse none "$1" -o fd=3,rootmode=40000,user_id=0,group_id=0 && shift && exec "$@""#;
    let mut command = bare(&[]);
    let prepared: Vec<_> = command
        .as_std()
        .get_envs()
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| name.to_owned())
        .collect();
    command = Command::new("unshare");
    for name in prepared {
        command.env_remove(name);
    }
    command
        .args(["-rm", "sh", "-c", SCRIPT, "sh"])
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Whether this machine lets a test have one.
async fn can_mount(folder: &Path) -> bool {
    let tried = outcome(with_dead_mount(folder, &["true"])).await;
    if tried.status != 0 {
        eprintln!("no dead mount on this machine: {}", tried.stderr);
    }
    tried.status == 0
}

#[rstest]
#[tokio::test]
async fn a_file_on_a_dead_mount_ends_every_command_by_its_deadline(
    #[values(
        ("AZURE_FEDERATED_TOKEN_FILE", "has not ended"),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "has not ended"),
        ("PGSSLROOTCERT", "no response within 5 s")
    )]
    (variable, expected): (&str, &str),
    #[values(0, 1, 2, 3, 4, 5)] command: usize,
) {
    let folder = TempDir::new().expect("a folder");
    if !can_mount(folder.path()).await {
        return;
    }
    let file = folder.path().join("file");
    let path = file.display().to_string();
    let mut command = with_dead_mount(folder.path(), &[&[PROGRAM], COMMANDS[command]].concat());
    naming(&mut command, variable, &file, 2);
    let outcome = outcome(command).await;
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [expected, &path, "the disk or the network mount"] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
    assert_ne!(outcome.status, 0, "{said}");
}

fn id(child: &Child) -> Pid {
    let id = child.id().expect("it runs");
    Pid::from_raw(id.try_into().expect("a pid"))
}

/// Waits until a thread of it reads a file.
async fn reads(child: &Child) {
    let tasks = format!("/proc/{}/task", id(child));
    let is_reader = |entry: fs::DirEntry| {
        fs::read_to_string(entry.path().join("comm"))
            .is_ok_and(|name| name.trim() == "entra-pg-file")
    };
    let wait = async {
        while !fs::read_dir(&tasks)
            .is_ok_and(|mut tasks| tasks.any(|task| task.is_ok_and(is_reader)))
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it reads");
}

#[rstest]
#[tokio::test]
async fn a_file_on_a_dead_mount_does_not_keep_a_signal_waiting(
    #[values("AZURE_FEDERATED_TOKEN_FILE", "PGSSLROOTCERT")] variable: &str,
    #[values(0, 1, 2, 3, 4, 5)] command: usize,
) {
    let folder = TempDir::new().expect("a folder");
    if !can_mount(folder.path()).await {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut command = with_dead_mount(folder.path(), &[&[PROGRAM], COMMANDS[command]].concat());
        naming(&mut command, variable, &folder.path().join("file"), 600);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        reads(&child).await;
        kill(id(&child), signal).expect("sent");
        // Its own limits are longer.
        let ended = timeout(Duration::from_secs(60), child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("{signal} is waiting"));
        assert!(!status.expect("it ended").success(), "{signal}");
    }
}

/// The memory of all that a command has is limited, so that one that keeps what the tool prints fails otherwise.
fn with_little_memory(command: &Command) -> Command {
    let original = command.as_std();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", r#"ulimit -v 1500000 && exec "$0" "$@""#])
        .arg(original.get_program())
        .args(original.get_args());
    for (name, value) in original.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stdin(Stdio::null()).kill_on_drop(true);
    limited
}

#[rstest]
#[case::on_stdout("yes")]
#[case::on_stderr("yes >&2")]
#[case::without_a_line("cat /dev/zero")]
#[tokio::test]
async fn az_that_prints_for_ever_is_ended_and_named(#[case] lines: &str) {
    let az = az_script("unused", lines);
    for arguments in [COMMANDS[0], COMMANDS[2], COMMANDS[3]] {
        let command = with_little_memory(&signed_in(shared(), &az, arguments));
        let outcome = outcome(command).await;
        assert_ne!(outcome.status, 0, "{arguments:?}");
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("az printed more than 1 MiB") && said.contains("by hand"),
            "{arguments:?}: {said}"
        );
    }
}

#[tokio::test]
async fn ctrl_c_ends_a_command_and_the_az_that_hangs() {
    let az = az_script("unused", "echo $$ > \"${0%/*}/id\"; exec sleep 1000");
    let written = az.path().join("id");
    for arguments in [COMMANDS[0], COMMANDS[2], COMMANDS[4], COMMANDS[5]] {
        let mut command = signed_in(shared(), &az, arguments);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let read = async {
            loop {
                let text = fs::read_to_string(&written).unwrap_or_default();
                if let Some(id) = text.strip_suffix('\n') {
                    break id.parse().expect("a pid");
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let tool = Pid::from_raw(timeout(PATIENCE, read).await.expect("it runs"));
        fs::remove_file(&written).expect("removed");
        kill(id(&child), Signal::SIGINT).expect("sent");
        let ended = timeout(PATIENCE, child.wait()).await.expect("in time");
        assert_eq!(ended.expect("it ended").code(), Some(130), "{arguments:?}");
        let gone = async {
            while kill(tool, None).is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("az has ended, too");
    }
}

#[tokio::test]
async fn azd_is_asked_for_the_tenant_of_the_server() {
    const TENANT: &str = "8509643c-604d-545d-8cb9-658d06571c7f";
    let folder = TempDir::new().expect("a folder");
    let token = shared()
        .control()
        .mint(TokenSpec::new("app"))
        .expect("a token");
    let script = format!(
        r#"#!/bin/sh
case "$*" in *"--tenant-id {TENANT}"*) echo '{{"token":"{token}","expiresOn":"2099-01-01T00:00:00Z"}}';; *) exit 1;; esac
"#
    );
    write(&folder.path().join("azd"), &script, 0o755);
    let mut command = signed_in(shared(), &folder, &["exec", "--", "true"]);
    command
        .env("AZURE_TOKEN_CREDENTIALS", "AzureDeveloperCliCredential")
        .env("AZURE_TENANT_ID", TENANT);
    let outcome = outcome(command).await;
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
}
