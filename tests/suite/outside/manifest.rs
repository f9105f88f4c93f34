//! Reading manifests: the workspace's, the examples', and those in the pages.

use std::{collections::BTreeMap, fs};

use toml::{Table, Value};

pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A crate's name, and how a manifest depends on it.
pub type Dependencies = BTreeMap<String, Value>;

pub fn read(path: &str) -> Table {
    parse(path, &text(path))
}

pub fn text(path: &str) -> String {
    let text = fs::read_to_string(format!("{ROOT}/{path}"));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn parse(name: &str, text: &str) -> Table {
    text.parse()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn table(manifest: &Table, keys: &[&str]) -> Table {
    let mut table = manifest;
    for key in keys {
        match table.get(*key).and_then(Value::as_table) {
            Some(inner) => table = inner,
            None => return Table::new(),
        }
    }
    table.clone()
}

pub fn dependencies(manifest: &Table, keys: &[&str]) -> Dependencies {
    table(manifest, keys).into_iter().collect()
}

/// What the workspace's packages use.
pub fn of_the_workspace() -> Dependencies {
    dependencies(&read("Cargo.toml"), &["workspace", "dependencies"])
}

pub fn version(dependency: &Value) -> Option<&str> {
    dependency
        .as_str()
        .or_else(|| dependency.get("version")?.as_str())
}

/// The version that others should ask for: ours are compatible within a minor version, for us alone they are pinned.
pub fn expected_version(name: &str, workspace: &Dependencies) -> Option<String> {
    let version = version(workspace.get(name)?)?;
    let Some(pinned) = version.strip_prefix('=') else {
        return Some(version.to_owned());
    };
    let (minor, _) = pinned.rsplit_once('.')?;
    Some(minor.to_owned())
}

/// Fails for a version that is not the workspace's, or its beginning: people copy `serde = "1"`.
pub fn assert_versions(name: &str, dependencies: &Dependencies) {
    let workspace = of_the_workspace();
    for (dependency, value) in dependencies {
        // A crate in a folder of the example.
        if value.get("path").is_some() {
            continue;
        }
        let expected = expected_version(dependency, &workspace).unwrap_or_default();
        let given = version(value).unwrap_or_default();
        let is_its_beginning = expected == given || expected.starts_with(&format!("{given}."));
        assert!(
            is_its_beginning,
            "{name}: {dependency} is {given:?}, not {expected:?}"
        );
    }
}

/// The folders of the crates that people depend on, which are not published yet.
pub fn published() -> Vec<(String, String)> {
    let patches = dependencies(&read("Cargo.toml"), &["patch", "crates-io"]);
    let folder = |value: &Value| value.get("path").and_then(Value::as_str).map(str::to_owned);
    patches
        .iter()
        .map(|(name, value)| (name.clone(), folder(value).expect("a folder")))
        .collect()
}

/// As it is written in one line.
pub fn inline(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(inline).collect())),
        Value::Table(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", list(pairs.collect()))
        }
        other => panic!("no manifest here has {other:?}"),
    }
}
