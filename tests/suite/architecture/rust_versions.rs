//! Which compiler a crate needs: none older than its dependencies do, and the one that the guide names.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;

use super::dependencies::ROOT;

/// `1.88` and `1.88.0` are the same.
type Version = [u32; 3];

/// By `name vVERSION`, as `cargo tree` prints it.
type Packages = BTreeMap<String, Value>;

fn version(text: &str) -> Version {
    let mut version = [0; 3];
    for (part, text) in version.iter_mut().zip(text.split('.')) {
        *part = text.parse().expect("a number");
    }
    version
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        // Not offline: it may have to download what nothing here compiles, such as a driver's other databases.
        .arg("--locked")
        // A crate alone, whatever else is built with it here.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .current_dir(ROOT)
        .output()
        .expect("cargo runs");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {args:?}: {problem}");
    String::from_utf8(output.stdout).expect("text")
}

/// All that may be compiled for this system.
fn packages() -> Packages {
    let args = "metadata --all-features --format-version 1 --filter-platform host-tuple";
    let metadata = cargo(&args.split(' ').collect::<Vec<_>>());
    let mut metadata: Value = serde_json::from_str(&metadata).expect("metadata");
    let packages = metadata["packages"].as_array_mut().expect("packages");
    packages
        .drain(..)
        .map(|package| {
            let label = format!("{} v{}", text(&package, "name"), text(&package, "version"));
            (label, package)
        })
        .collect()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

fn needs(package: &Value) -> Version {
    package["rust_version"].as_str().map_or([0; 3], version)
}

/// Those of this workspace in a folder such as `crates`.
fn within<'a>(packages: &'a Packages, folder: &str) -> Vec<&'a Value> {
    let folder = format!("/{folder}/");
    let is_ours = |package: &&Value| package["source"].is_null();
    let ours = packages.values().filter(is_ours);
    ours.filter(|package| text(package, "manifest_path").contains(&folder))
        .collect()
}

#[test]
fn no_crate_says_that_it_works_with_a_compiler_that_its_dependencies_refuse() {
    let packages = packages();
    let mut wrong = Vec::new();
    for package in within(&packages, "crates") {
        let name = text(package, "name");
        let tree = format!("tree -p {name} --all-features -e normal,build --prefix none");
        for line in cargo(&tree.split(' ').collect::<Vec<_>>()).lines() {
            let label: Vec<_> = line.split(' ').take(2).collect();
            let dependency = packages.get(&label.join(" ")).expect(line);
            if needs(dependency) > needs(package) {
                wrong.push(format!("{name}: {line} {}", dependency["rust_version"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_example_needs_what_our_crates_need_and_says_so() {
    let packages = packages();
    let ours: BTreeMap<_, _> = within(&packages, "crates")
        .into_iter()
        .map(|package| (text(package, "name"), needs(package)))
        .collect();
    for example in within(&packages, "examples") {
        let dependencies = example["dependencies"].as_array().expect("dependencies");
        let used = dependencies
            .iter()
            .filter_map(|dependency| ours.get(text(dependency, "name")));
        let Some(least) = used.max() else { continue };
        assert!(needs(example) >= *least, "{}", text(example, "name"));
    }
}

#[test]
fn the_guide_names_the_compiler_of_every_crate() {
    let page = format!("{ROOT}/docs/guide/compatibility.md");
    let page = fs::read_to_string(page).expect("a page");
    let (_, table) = page.split_once("\n## Compilers\n").expect("a heading");
    let (table, _) = table.split_once("\n## ").expect("a next heading");
    let mut listed = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (names, rust) = (cells.next(), cells.next());
        for name in names.expect("names").split(", ") {
            listed.insert(
                name.trim_matches('`').to_owned(),
                version(rust.expect("a version")),
            );
        }
    }
    let actual: BTreeMap<_, _> = within(&packages(), "crates")
        .into_iter()
        .map(|package| (text(package, "name").to_owned(), needs(package)))
        .collect();
    assert_eq!(listed, actual);
}
