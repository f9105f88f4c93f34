//! What the public API promises: no foreign type but those that an adapter is about, nothing hidden, room to grow.
//!
//! Reads what rustdoc writes as JSON. Stable rustdoc does so only if `RUSTC_BOOTSTRAP` is set, which must not reach the build
//! scripts of dependencies, some of which would then build something else. So a script stands in for rustdoc.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::dependencies::{ROOT, metadata};

/// The foreign crates that the API of each crate may name, as those that define the items.
const FOREIGN: [(&str, &[&str]); 11] = [
    ("process", &[]),
    // rustls exports these types as its own, in `pki_types`.
    ("rustls", &["rustls", "rustls_pki_types"]),
    // An adapter's stream implements tokio's traits for reading and writing.
    ("core", &["azure_core", "tokio"]),
    ("proxy", &[]),
    ("sqlx", &["sqlx", "sqlx_core", "sqlx_postgres"]),
    ("sqlx_08", &["sqlx", "sqlx_core", "sqlx_postgres"]),
    ("sea_orm", &["sea_orm"]),
    ("sea_orm_11", &["sea_orm"]),
    // The driver's trait for a TLS stream requires tokio's for reading and writing.
    (
        "tokio_postgres",
        &[
            "tokio_postgres",
            "bb8",
            "deadpool",
            "deadpool_postgres",
            "tokio",
        ],
    ),
    ("diesel_async", &["diesel", "diesel_async"]),
    ("emulator", &[]),
];

/// Public enums, and structs without a private field, that cannot grow, and why.
const COMPLETE: [(&str, &str); 0] = [];

/// The version of rustdoc's JSON for which this was written.
const FORMAT: u64 = 57;

/// The documentation of one crate.
struct Api {
    name: &'static str,
    json: Value,
}

impl Api {
    fn read(folder: &Path, name: &'static str) -> Self {
        let path = folder.join(format!("entra_pg_{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let json: Value = serde_json::from_str(&text).expect("rustdoc writes JSON");
        Self { name, json }
    }

    /// What is public, and the implementations of traits. What the compiler or a blanket adds is left out.
    fn items(&self) -> impl Iterator<Item = &Value> {
        let index = self.json["index"].as_object().expect("an index");
        let own = index.values().filter(|item| item["crate_id"] == 0);
        own.filter(|item| {
            let made = &item["inner"]["impl"];
            made["is_synthetic"] != true && (made.is_null() || made["blanket_impl"].is_null())
        })
    }

    /// What an item breaks.
    fn broken(&self, item: &Value, allowed: &[&str]) -> BTreeSet<String> {
        let mut broken = BTreeSet::new();
        let mut named = Vec::new();
        references(&item["inner"], &mut named);
        for (id, name) in named {
            match self.crate_of(&id) {
                Some(foreign) if !allowed.contains(&foreign) && !is_familiar(foreign) => {
                    broken.insert(format!("names {name} of {foreign}"));
                }
                None if self.is_private(&id) && name != "Sealed" => {
                    broken.insert(format!("names {name}, which is private"));
                }
                _ => {}
            }
        }
        let mut converted = Vec::new();
        conversions(&item["inner"], &mut converted);
        for (id, name) in converted {
            if self.crate_of(&id).is_some_and(|other| !is_familiar(other)) {
                broken.insert(format!("takes all that is Into<{name}>"));
            }
        }
        // `derive(Eq)` adds a hidden method.
        let derived = item["inner"]["impl"].is_object() || item["name"] == "assert_fields_are_eq";
        if item["attrs"].to_string().contains("doc(hidden") && !derived {
            broken.insert("is hidden".to_owned());
        }
        let grows = item["attrs"].to_string().contains("non_exhaustive");
        if is_public(item) && shows_all(&item["inner"]) && !grows {
            broken.insert("is not #[non_exhaustive]".to_owned());
        }
        broken
    }

    /// The foreign crate that defines what has this id; none for what is defined here.
    fn crate_of(&self, id: &str) -> Option<&str> {
        let number = self.json["paths"][id]["crate_id"].as_u64()?;
        self.json["external_crates"][number.to_string()]["name"].as_str()
    }

    fn is_private(&self, id: &str) -> bool {
        self.json["paths"][id]["crate_id"] == 0 && self.json["index"][id].is_null()
    }

    /// A name for people: where it is in the source, for what has none.
    fn describe(&self, item: &Value) -> String {
        let (file, line) = (&item["span"]["filename"], &item["span"]["begin"][0]);
        let name = item["name"].as_str().unwrap_or("an item");
        format!(
            "{}: {name} ({}:{line})",
            self.name,
            file.as_str().unwrap_or_default()
        )
    }
}

/// Every id of a type, trait or re-exported item in it, with a name for people.
fn references(value: &Value, found: &mut Vec<(String, String)>) {
    if let Some(id) = value["id"].as_u64() {
        let name = value["path"].as_str().or(value["name"].as_str());
        found.push((id.to_string(), name.unwrap_or_default().to_owned()));
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Object(map) => map.values().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The types that it takes by `Into`. With another major version of the driver, the compiler then names the trait and not
/// the driver's type.
fn conversions(value: &Value, found: &mut Vec<(String, String)>) {
    if value["trait"]["path"] == "Into" {
        references(&value["trait"]["args"], found);
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| conversions(value, found)),
        Value::Object(map) => map.values().for_each(|value| conversions(value, found)),
        _ => {}
    }
}

/// Whether it is of the standard library or of this project.
fn is_familiar(name: &str) -> bool {
    ["std", "core", "alloc"].contains(&name) || name.starts_with("entra_pg_")
}

fn is_public(item: &Value) -> bool {
    item["visibility"] == "public"
}

/// Whether it is an enum, or a struct without a private field.
fn shows_all(inner: &Value) -> bool {
    let kind = &inner["struct"]["kind"];
    let tuple = kind["tuple"].as_array();
    inner["enum"].is_object()
        || kind == "unit"
        || kind["plain"]["has_stripped_fields"] == false
        || tuple.is_some_and(|fields| fields.iter().all(|field| !field.is_null()))
}

/// Writes the JSON, and returns its folder.
fn document() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args([
            "doc",
            "--workspace",
            "--all-features",
            "--no-deps",
            "--lib",
            "--quiet",
        ])
        .env(
            "RUSTDOC",
            format!("{ROOT}/tests/suite/architecture/rustdoc"),
        )
        .env(
            "RUSTDOCFLAGS",
            "-Zunstable-options --output-format=json --document-hidden-items",
        )
        .current_dir(ROOT)
        .status();
    assert!(status.expect("cargo runs").success(), "rustdoc failed");
    let target = metadata()["target_directory"].as_str().map(PathBuf::from);
    target.expect("a target directory").join("doc")
}

/// What the crates documented in this folder break.
fn all_broken(folder: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, allowed) in FOREIGN {
        let api = Api::read(folder, name);
        let names_items = api
            .items()
            .any(|item| is_public(item) && item["inner"].is_object());
        assert!(
            names_items && api.json["external_crates"].is_object(),
            "rustdoc's JSON has changed: format {}, and this reads {FORMAT}",
            api.json["format_version"]
        );
        for item in api.items() {
            let described = api.describe(item);
            let found = api.broken(item, allowed);
            broken.extend(found.iter().map(|what| format!("{described} {what}")));
        }
    }
    broken.retain(|text| COMPLETE.iter().all(|(known, _)| !text.contains(known)));
    broken
}

#[test]
fn no_library_is_left_out() {
    let folders = fs::read_dir(Path::new(ROOT).join("crates")).expect("crates");
    let libraries = folders
        .flatten()
        .filter(|folder| folder.path().join("src/lib.rs").exists());
    let names = libraries.map(|folder| folder.file_name().to_string_lossy().replace('-', "_"));
    let names: BTreeSet<_> = names.collect();
    let known = FOREIGN.map(|(name, _)| format!("entra_pg_{name}"));
    assert_eq!(names, known.into());
}

#[test]
fn no_public_dependency_is_missing_from_the_policy() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/stability.md")).expect("the page");
    for (name, foreign) in FOREIGN {
        let package = format!("`entra-pg-{}`", name.replace('_', "-"));
        let row = page
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&package));
        let row = row.unwrap_or_else(|| panic!("docs/stability.md has no row for {package}"));
        let listed = row.rsplit('|').nth(1).unwrap_or_default().trim();
        let expected: Vec<_> = foreign.iter().map(|name| format!("`{name}`")).collect();
        assert_eq!(listed, expected.join(", "), "{package}");
    }
}

#[test]
#[ignore = "documents all crates, for which cargo compiles their dependencies once more: `just api`"]
fn the_public_api_keeps_its_promises() {
    let broken = all_broken(&document());
    assert!(broken.is_empty(), "{broken:#?}");
}
