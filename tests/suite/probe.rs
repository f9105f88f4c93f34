//! Runs the program `probe` in an environment that the emulator prepares.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use entra_pg_emulator::{CredentialSource, Emulator};
use tokio::process::Command;

pub struct Outcome {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// The emulator's own command, which the stand-in for `az` calls.
pub fn emulator_command() -> PathBuf {
    built("entra-pg-emulator")
}

/// A program of another package, which lies beside those of this one. `./dev test` builds them all.
pub fn built(program: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_entra-pg-probe")).with_file_name(program);
    assert!(
        built.is_file(),
        "{} is missing: run `./dev test`, which builds it",
        built.display()
    );
    built
}

pub async fn probe(
    emulator: &Emulator,
    source: CredentialSource,
    change: &[(&str, &str)],
    arguments: &[&str],
) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-pg-probe"));
    for name in emulator.conflicting_variables(source) {
        command.env_remove(name);
    }
    let started = Instant::now();
    let output = command
        .args(arguments)
        .envs(emulator.environment(source))
        .envs(change.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(120), output)
        .await
        .expect("the probe ends")
        .expect("the probe starts");
    Outcome {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        took: started.elapsed(),
    }
}
