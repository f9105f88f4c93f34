//! The examples can be copied: their manifests need nothing of the workspace's.

use std::{fs, thread};

use super::{
    build::{Copied, check, resolve},
    manifest::{
        ROOT, assert_versions, dependencies, of_the_workspace, published, read, table, text,
    },
};
use crate::book::page;

/// The folders in `examples/`.
pub fn examples() -> Vec<String> {
    let entries = fs::read_dir(format!("{ROOT}/examples")).expect("the examples");
    let mut names: Vec<_> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    names
}

/// The manifest of each example, and of the crates in its folder.
fn manifests() -> Vec<String> {
    let mut manifests = Vec::new();
    for name in examples() {
        let manifest = format!("examples/{name}/Cargo.toml");
        for dependency in dependencies(&read(&manifest), &["dependencies"]).values() {
            let path = dependency.get("path").and_then(|path| path.as_str());
            manifests.extend(path.map(|path| format!("examples/{name}/{path}/Cargo.toml")));
        }
        manifests.push(manifest);
    }
    manifests
}

#[test]
fn no_example_inherits_from_the_workspace() {
    for path in manifests() {
        let text = text(&path);
        assert!(!text.contains("workspace"), "{path}: {text}");
        assert!(!text.contains("\"../"), "{path} leaves its folder: {text}");
    }
}

#[test]
fn no_example_asks_for_another_version_than_the_workspace() {
    let shared = table(&read("Cargo.toml"), &["workspace", "package"]);
    for path in manifests() {
        let manifest = read(&path);
        assert_versions(&path, &dependencies(&manifest, &["dependencies"]));
        let package = table(&manifest, &["package"]);
        for key in ["edition", "license", "version"] {
            assert_eq!(package[key], shared[key], "{path}: {key}");
        }
    }
}

#[test]
fn no_copied_example_is_refused_by_cargo() {
    thread::scope(|scope| {
        for name in examples() {
            scope.spawn(move || resolve(&Copied::example(&name)));
        }
    });
}

#[test]
#[ignore = "compiles much; `just outside` runs it"]
fn no_copied_example_misses_a_feature_that_only_the_workspace_turns_on() {
    for name in examples() {
        check(&Copied::example(&name));
    }
}

#[test]
fn the_crates_that_can_be_used_by_path_are_those_that_can_be_depended_on() {
    let patched: Vec<_> = published().into_iter().map(|(name, _)| name).collect();
    let ours: Vec<_> = of_the_workspace()
        .into_keys()
        .filter(|name| name.starts_with("entra-pg-"))
        .collect();
    assert_eq!(patched, ours);
    // The page gives the lines to copy.
    let page = page::page("docs/guide/adapters.md");
    let shown = page.snippets(&["toml"]).into_iter();
    let shown: Vec<_> = shown
        .map(|snippet| super::manifest::parse("adapters.md", &snippet.code))
        .filter(|manifest| manifest.contains_key("patch"))
        .collect();
    let [shown] = shown.as_slice() else {
        panic!("one list of patches");
    };
    let lines = dependencies(shown, &["patch", "crates-io"]);
    for (name, folder) in published() {
        // The emulator's own helper is not for apps.
        let path = lines.get(&name).and_then(|line| line.get("path"));
        let expected = format!("../entra-pg/{folder}");
        assert_eq!(
            path.and_then(|path| path.as_str()),
            Some(expected.as_str()),
            "{name}"
        );
    }
}
