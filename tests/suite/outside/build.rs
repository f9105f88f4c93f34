//! Crates in folders of their own, outside of the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::manifest::{Dependencies, ROOT, inline, published};

/// A crate in a folder that nobody else knows.
pub struct Copied {
    pub name: String,
    folder: TempDir,
}

impl Copied {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The versions that were tested.
        let lock = Path::new(ROOT).join("Cargo.lock");
        fs::copy(lock, folder.path().join("Cargo.lock")).expect("a lock file");
        let name = name.to_owned();
        Self { name, folder }
    }

    pub fn example(name: &str) -> Self {
        let copied = Self::new(name);
        copy(
            &Path::new(ROOT).join("examples").join(name),
            copied.folder.path(),
        );
        copied
    }

    /// A library of this code.
    pub fn library(name: &str, dependencies: &Dependencies, code: &str) -> Self {
        let copied = Self::new(name);
        let mut manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n"
        );
        for (name, value) in dependencies {
            manifest += &format!("{name} = {}\n", inline(value));
        }
        let folder = copied.folder.path();
        fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
        fs::create_dir(folder.join("src")).expect("a folder");
        fs::write(folder.join("src/lib.rs"), code).expect("a source");
        copied
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// Cargo in that folder, with our crates from here instead of the registry. Nothing is inherited from the cargo that runs this.
fn cargo(copied: &Copied, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(copied.folder.path()).args(arguments);
    for (name, folder) in published() {
        let folder = Path::new(ROOT).join(folder);
        command.arg("--config");
        command.arg(format!(
            "patch.crates-io.{name}.path = {:?}",
            folder.display().to_string()
        ));
    }
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("CARGO_")) {
        if name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command
}

fn run(copied: &Copied, mut command: Command) {
    let output = command.output().expect("cargo runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", copied.name);
}

/// Fails if cargo refuses the manifest. `cargo metadata` would need the crates of all platforms, which no build downloads.
pub fn resolve(copied: &Copied) {
    run(copied, cargo(copied, &["tree", "--quiet", "--offline"]));
}

/// Fails if it does not compile. All share a target folder, beside that of the workspace.
pub fn check(copied: &Copied) {
    let suite = std::env::current_exe().expect("a program");
    let target: Option<PathBuf> = suite
        .ancestors()
        .nth(3)
        .map(|folder| folder.join("outside"));
    let mut command = cargo(copied, &["check", "--quiet"]);
    command.env("CARGO_TARGET_DIR", target.expect("a target folder"));
    run(copied, command);
}
