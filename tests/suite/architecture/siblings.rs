//! The crate for an earlier version of an ORM has the sources of the crate for the current one, by links.

use std::{collections::BTreeMap, fs, path::Path};

use toml::{Table, Value};

use super::dependencies::ROOT;

/// A crate, its sibling, and the dependencies in which they differ. The first is the ORM.
const SIBLINGS: [(&str, &str, &[&str]); 2] = [
    ("entra-pg-sqlx", "entra-pg-sqlx-08", &["sqlx"]),
    (
        "entra-pg-sea-orm",
        "entra-pg-sea-orm-11",
        &["sea-orm", "entra-pg-sqlx"],
    ),
];

/// The file for what one version has and the other has not.
const OWN: &str = "version.rs";

/// The sources that siblings share, by name.
fn shared(name: &str) -> BTreeMap<String, String> {
    let folder = Path::new(ROOT).join("crates").join(name).join("src");
    let entries = fs::read_dir(folder).expect("sources").flatten();
    entries
        .filter(|entry| entry.file_name() != OWN)
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).expect("a source"))
        })
        .collect()
}

fn manifest(path: &str) -> Table {
    let text = fs::read_to_string(Path::new(ROOT).join(path)).expect("a manifest");
    text.parse().expect("TOML")
}

#[test]
fn no_sibling_has_sources_of_its_own() {
    for (name, sibling, _) in SIBLINGS {
        let (own, linked) = (shared(name), shared(sibling));
        let (files, links): (Vec<_>, Vec<_>) = (own.keys().collect(), linked.keys().collect());
        assert_eq!(files, links, "link each source of {name} in {sibling}");
        for (file, text) in own {
            assert!(
                linked[&file] == text,
                "{sibling}/src/{file} is no link to that of {name}; if it holds a path, git was told to write no links"
            );
        }
    }
}

#[test]
fn no_sibling_has_features_or_dependencies_that_its_crate_has_not() {
    let workspace = manifest("Cargo.toml");
    for (name, sibling, driver) in SIBLINGS {
        let (own, other) = (
            manifest(&format!("crates/{name}/Cargo.toml")),
            manifest(&format!("crates/{sibling}/Cargo.toml")),
        );
        assert_eq!(own["features"], other["features"], "{sibling}");
        let shared = |manifest: &Table| {
            let mut dependencies = manifest["dependencies"].as_table().expect("some").clone();
            dependencies.retain(|name, _| !driver.contains(&name));
            dependencies
        };
        assert_eq!(shared(&own), shared(&other), "{sibling}");
        let orm = &workspace["workspace"]["dependencies"][driver[0]];
        assert_eq!(
            orm["features"], other["dependencies"][driver[0]]["features"],
            "{sibling}"
        );
        for dependency in other["dependencies"].as_table().expect("some").values() {
            // It cannot be inherited under another name.
            if let Some(package) = dependency.get("package").and_then(Value::as_str) {
                let listed = &workspace["workspace"]["dependencies"][package];
                assert_eq!(dependency["version"], listed["version"], "{sibling}");
            }
        }
    }
}
