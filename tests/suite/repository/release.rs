//! What `just release` checks before it publishes.

use std::{fs, path::Path, process::Command};

use rstest::rstest;
use tempfile::TempDir;

use super::ROOT;

const MANIFEST: &str = "[workspace.package]\nversion = \"0.1.0\"\nrepository = \"https://github.com/tea/entra-pg\"\n\n";
const CHANGELOG: &str = "# Changelog\n\n## [0.1.0] - 2026-12-01\n";

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=tea", "-c", "user.email=tea@example.com"];
    let status = Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(folder)
        .status();
    assert!(status.expect("git runs").success(), "{arguments:?}");
}

/// A commit with this manifest and changelog, and this tag.
fn repository(manifest: &str, changelog: &str, tag: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(folder.path().join("CHANGELOG.md"), changelog).expect("a changelog");
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "--message", "All"]);
    git(folder.path(), &["tag", tag]);
    folder
}

/// Whether it may be published, and what it lacks.
fn check(folder: &Path) -> (bool, String) {
    let output = Command::new(format!("{ROOT}/tests/release/check"))
        .current_dir(folder)
        .output()
        .expect("the script runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

#[test]
fn a_commit_that_is_ready_may_be_published() {
    let ready = repository(MANIFEST, CHANGELOG, "v0.1.0");
    assert_eq!(check(ready.path()), (true, String::new()));
}

#[rstest]
#[case::placeholder(&MANIFEST.replace("tea", "OWNER"), CHANGELOG, "v0.1.0", "names no owner")]
#[case::changelog(
    MANIFEST,
    "## [Unreleased]\n",
    "v0.1.0",
    "CHANGELOG.md has no '## [0.1.0] - DATE'"
)]
#[case::tag(MANIFEST, CHANGELOG, "v0.0.9", "this commit has no tag v0.1.0")]
fn a_commit_that_is_not_ready_is_not_published(
    #[case] manifest: &str,
    #[case] changelog: &str,
    #[case] tag: &str,
    #[case] reason: &str,
) {
    let (ready, reasons) = check(repository(manifest, changelog, tag).path());
    assert!(!ready && reasons.contains(reason), "{reasons}");
    assert_eq!(reasons.matches("not ready").count(), 1, "{reasons}");
}

#[test]
fn changes_that_are_not_committed_are_not_published() {
    let folder = repository(MANIFEST, CHANGELOG, "v0.1.0");
    fs::write(folder.path().join("new.rs"), "").expect("a file");
    let (ready, reasons) = check(folder.path());
    assert!(!ready && reasons.contains("not committed"), "{reasons}");
}
