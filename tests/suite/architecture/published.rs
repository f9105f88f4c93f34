//! What a registry and docs.rs expect of each published crate, and that nothing else is published.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::dependencies::{ROOT, metadata};

/// The packages under `crates/`, and all the others.
fn packages() -> (Vec<Value>, Vec<Value>) {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages").clone();
    packages.into_iter().partition(|package| {
        let folder = folder(package);
        folder.parent().is_some_and(|all| all.ends_with("crates"))
    })
}

fn folder(package: &Value) -> PathBuf {
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).parent().expect("a folder").to_owned()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a name")
}

fn has_library(package: &Value) -> bool {
    folder(package).join("src/lib.rs").exists()
}

#[test]
fn nothing_but_the_crates_is_published() {
    let (published, private) = packages();
    for package in &published {
        assert_eq!(package["publish"], Value::Null, "{}", name(package));
    }
    for package in &private {
        assert_eq!(package["publish"], json!([]), "{}", name(package));
    }
    assert!(published.len() >= 10 && private.len() >= 10);
}

#[test]
fn no_manifest_lacks_what_the_registry_shows() {
    for package in packages().0 {
        let name = name(&package);
        let words = |key: &str| package[key].as_array().map_or(0, Vec::len);
        assert!((1..=5).contains(&words("keywords")), "{name}: keywords");
        assert!((1..=5).contains(&words("categories")), "{name}: categories");
        let keywords = package["keywords"].as_array().expect("keywords").iter();
        for keyword in keywords.filter_map(Value::as_str) {
            assert!(
                keyword.len() <= 20,
                "{name}: the registry refuses {keyword}"
            );
        }
        for key in [
            "description",
            "homepage",
            "license",
            "repository",
            "rust_version",
        ] {
            assert!(package[key].is_string(), "{name}: {key}");
        }
        assert_eq!(package["readme"], "README.md", "{name}");
        assert_eq!(package["documentation"], format!("https://docs.rs/{name}"));
    }
}

/// Otherwise docs.rs shows the default features only, and not which feature brings what.
#[test]
fn no_documentation_lacks_a_feature() {
    let expected = json!({ "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] });
    for package in packages().0.iter().filter(|package| has_library(package)) {
        let name = name(package);
        assert_eq!(package["metadata"]["docs"]["rs"], expected, "{name}");
        let library = fs::read_to_string(folder(package).join("src/lib.rs")).expect("a library");
        let shows = "\n#![cfg_attr(docsrs, feature(doc_cfg))]\n";
        assert!(library.contains(shows), "{name}: lib.rs lacks {shows}");
    }
}

/// `include` leaves out what it does not name.
#[test]
fn no_package_lacks_its_licences_or_a_file_that_it_compiles() {
    for package in packages().0 {
        let (name, folder) = (name(&package), folder(&package));
        let output = Command::new(env!("CARGO"))
            .args([
                "package",
                "--list",
                "--allow-dirty",
                "--offline",
                "-p",
                name,
            ])
            .current_dir(ROOT)
            .output()
            .expect("cargo runs");
        let listed = String::from_utf8(output.stdout).expect("names of files");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
        assert!(!error.contains("ignoring"), "{name}: {error}");
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let text =
                fs::read_to_string(folder.join(licence)).expect("a licence, or a link to it");
            let whole = fs::read_to_string(Path::new(ROOT).join(licence)).expect("a licence");
            assert_eq!(text, whole, "{name}: {licence}");
        }
        let mut expected = vec![
            "README.md".into(),
            "LICENSE-APACHE".into(),
            "LICENSE-MIT".into(),
        ];
        for part in ["src", "tests", "docs"] {
            files(&folder, Path::new(part), &mut expected);
        }
        for file in expected {
            let is_listed = listed.lines().any(|line| line == file);
            assert!(is_listed, "{name}: the package lacks {file}");
        }
    }
}

/// The files under a folder of a package, with their paths in it.
fn files(package: &Path, under: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(package.join(under)) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let path = under.join(entry.file_name());
        if package.join(&path).is_dir() {
            files(package, &path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}
