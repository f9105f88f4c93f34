//! Which crates depend on which.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

pub(super) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Each published crate, and the crates of this workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 12] = [
    ("entra-pg-process", &[]),
    ("entra-pg-rustls", &[]),
    ("entra-pg-core", &["entra-pg-rustls"]),
    ("entra-pg-proxy", &["entra-pg-core", "entra-pg-rustls"]),
    ("entra-pg-sqlx", &["entra-pg-core", "entra-pg-proxy"]),
    ("entra-pg-sqlx-08", &["entra-pg-core", "entra-pg-proxy"]),
    ("entra-pg-sea-orm", &["entra-pg-sqlx"]),
    ("entra-pg-sea-orm-11", &["entra-pg-sqlx-08"]),
    (
        "entra-pg-tokio-postgres",
        &["entra-pg-core", "entra-pg-rustls"],
    ),
    ("entra-pg-diesel-async", &["entra-pg-tokio-postgres"]),
    (
        "entra-pg-cli",
        &[
            "entra-pg-core",
            "entra-pg-process",
            "entra-pg-proxy",
            "entra-pg-rustls",
            "entra-pg-tokio-postgres",
        ],
    ),
    ("entra-pg-emulator", &["entra-pg-process"]),
];

/// What the core must not depend on.
const ORMS: [&str; 9] = [
    "sqlx",
    "sea-orm",
    "diesel",
    "diesel-async",
    "tokio-postgres",
    "bb8",
    "deadpool",
    "deadpool-postgres",
    "mobc",
];

/// What cargo knows of this workspace.
pub(super) fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(ROOT)
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("metadata")
}

/// The dependencies of each crate under `crates/`, those for development aside.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .filter(|package| {
            let manifest = package["manifest_path"].as_str().map(Path::new);
            let folder = manifest.and_then(Path::parent).and_then(Path::parent);
            folder.is_some_and(|folder| folder.ends_with("crates"))
        })
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let names = dependencies
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned));
            (
                package["name"].as_str().unwrap_or_default().to_owned(),
                names.collect(),
            )
        })
        .collect()
}

#[test]
fn no_crate_depends_on_one_that_it_should_not_know() {
    let actual = dependencies();
    let expected: Vec<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut names: Vec<_> = actual.keys().cloned().collect();
    let mut sorted = expected.clone();
    names.sort();
    sorted.sort();
    assert_eq!(names, sorted, "list what a new crate depends on");
    for (name, allowed) in ARROWS {
        let own: Vec<_> = actual[name]
            .iter()
            .filter(|d| d.starts_with("entra-pg-"))
            .collect();
        assert_eq!(own, allowed.iter().collect::<Vec<_>>(), "{name}");
    }
}

/// They share what is not stable, such as the types of `entra_pg_core::connect`.
#[test]
fn the_crates_depend_on_one_version_of_each_other() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).expect("a manifest");
    // What follows patches in the crates that the examples ask for, as their copies elsewhere do.
    let (listed, _) = manifest.split_once("[patch.").expect("a list, and patches");
    let internal = listed.lines().filter(|line| line.starts_with("entra-pg-"));
    let (exact, loose): (Vec<_>, Vec<_>) =
        internal.partition(|line| line.contains("version = \"="));
    assert_eq!(
        (exact.len(), loose),
        (ARROWS.len() - 1, Vec::new()),
        "all but the command"
    );
}

/// Users without the feature do not compile the proxy.
#[test]
fn sqlx_knows_the_proxy_through_a_feature_only() {
    let manifest = Path::new(ROOT).join("crates/entra-pg-sqlx/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("a manifest");
    let line = manifest
        .lines()
        .find(|line| line.starts_with("entra-pg-proxy"));
    assert!(line.is_some_and(|line| line.contains("optional = true")));
    let default = manifest.lines().find(|line| line.starts_with("default = "));
    assert!(default.is_some_and(|line| !line.contains("per-connection")));
}

#[test]
fn the_core_knows_no_orm_driver_or_pool() {
    let core = &dependencies()["entra-pg-core"];
    let known: Vec<_> = core
        .iter()
        .filter(|name| ORMS.contains(&name.as_str()))
        .collect();
    assert!(known.is_empty(), "{known:?}");
}

#[test]
fn only_credentials_name_azure_identity() {
    let mut naming = Vec::new();
    for package in fs::read_dir(Path::new(ROOT).join("crates")).expect("crates") {
        naming_files(&package.expect("an entry").path().join("src"), &mut naming);
    }
    assert!(!naming.is_empty());
    naming.retain(|file| !file.contains("/entra-pg-core/src/credential/"));
    assert!(naming.is_empty(), "{naming:?}");
}

fn naming_files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            naming_files(&path, found);
        } else if fs::read_to_string(&path).is_ok_and(|text| text.contains("azure_identity")) {
            found.push(path.display().to_string());
        }
    }
}
