//! Emulators, and running the command against them.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{OnceLock, mpsc},
    time::Duration,
};

use entra_pg_emulator::{CredentialSource, Emulator, EmulatorBuilder};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_entra-pg");
pub(crate) const PERSON: &str = "alice@contoso.com";

/// For a command that would hang, not for a machine that is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Outcome {
    /// As a shell gives it.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Change nothing in it.
pub(crate) fn shared() -> &'static Emulator {
    static SHARED: OnceLock<Emulator> = OnceLock::new();
    SHARED.get_or_init(|| start_aside(Emulator::builder().role("app")))
}

/// It runs on a thread of its own, since each test has its own runtime, and goes when the process does.
fn start_aside(builder: EmulatorBuilder) -> Emulator {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            sender.send(builder.start().await).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    receiver
        .recv_timeout(PATIENCE)
        .expect("the emulator's thread lives")
        .expect("the emulator starts")
}

/// The command in the emulator's environment.
pub(crate) fn command(emulator: &Emulator, arguments: &[&str]) -> Command {
    let source = CredentialSource::ManagedIdentity;
    let mut command = bare(arguments);
    for name in emulator.conflicting_variables(source) {
        command.env_remove(name);
    }
    command.envs(emulator.environment(source));
    command
}

/// A pipeline's job, where the advice differs, because nobody can answer a question there.
const PIPELINES: [&str; 5] = [
    "CI",
    "GITHUB_ACTIONS",
    "TF_BUILD",
    "GITLAB_CI",
    "JENKINS_URL",
];

/// The command without credential, server and pipeline, whatever this machine has.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited {
        let text = name.to_string_lossy();
        let foreign = ["AZURE_", "PG", "IDENTITY_", "MSI_"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        let named = text == "DATABASE_URL" || text == "RUST_LOG";
        if foreign || named || PIPELINES.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Waits for its end. One that was started deaf to a signal, as a background job of a script is, would never come to it.
pub(crate) async fn ended(child: &mut Child) -> ExitStatus {
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    ended.expect("it ends in time").expect("it ends")
}

pub(crate) async fn outcome(mut command: Command) -> Outcome {
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the command ends")
        .expect("the command starts");
    let status = output.status;
    Outcome {
        status: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) async fn run(emulator: &Emulator, arguments: &[&str]) -> Outcome {
    outcome(command(emulator, arguments)).await
}

/// A stand-in for `az` that always gives this token, and says that it lives for an hour.
pub(crate) fn az(token: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let expires_on = (time::OffsetDateTime::now_utc() + Duration::from_secs(3600)).unix_timestamp();
    let answer = format!(
        r#"{{"accessToken":"{token}","expiresOn":"2030-01-01 00:00:00.000000","expires_on":{expires_on},"tokenType":"Bearer"}}"#
    );
    write(&folder.path().join("answer"), &answer, 0o600);
    let script = format!(
        "#!/bin/sh\ncat '{}'\n",
        folder.path().join("answer").display()
    );
    write(&folder.path().join("az"), &script, 0o755);
    folder
}

pub(crate) fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

/// A stand-in for `az` that runs these lines of a shell; `$ANSWER` is a file with what it prints otherwise.
pub(crate) fn az_script(token: &str, lines: &str) -> TempDir {
    let folder = az(token);
    let answer = folder.path().join("answer");
    let script = format!("#!/bin/sh\nANSWER='{}'\n{lines}\n", answer.display());
    write(&folder.path().join("az"), &script, 0o755);
    folder
}

/// The command, signed in through that stand-in.
pub(crate) fn signed_in(emulator: &Emulator, az: &TempDir, arguments: &[&str]) -> Command {
    let mut command = command(emulator, arguments);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
        .env("PATH", format!("{}:{path}", az.path().display()));
    command
}
