//! Each promise of the pages on failures and threats names the test that holds it, or says why there is none.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::page::{file, page};
use crate::error_guide::files;

const PROMISES: [&str; 2] = ["docs/faults.md", "docs/threat-model.md"];

/// The cells below this heading of a table.
fn column(path: &str, heading: &str) -> Vec<String> {
    let text = page(path).text;
    let mut rows = text
        .lines()
        .map(cells)
        .skip_while(|cells| !cells.contains(&heading.to_owned()));
    let at = rows
        .next()
        .and_then(|cells| cells.iter().position(|cell| cell == heading));
    let at = at.unwrap_or_else(|| panic!("{path} has no column {heading}"));
    rows.skip(1)
        .take_while(|cells| !cells.is_empty())
        .map(|cells| cells.get(at).cloned().unwrap_or_default())
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let row = line
        .strip_prefix("| ")
        .and_then(|line| line.strip_suffix(" |"));
    let cells = row.map(|row| row.split(" | ").map(|cell| cell.trim().to_owned()));
    cells.map(Iterator::collect).unwrap_or_default()
}

/// `module::test`, or `folder::module` for all of a file.
fn is_a_test(name: &str, sources: &[(PathBuf, String)]) -> bool {
    let Some((module, last)) = name.rsplit_once("::") else {
        return false;
    };
    let is_in = |path: &Path| path.iter().any(|part| stem(part) == module);
    sources.iter().any(|(path, source)| {
        let is_the_file = path.file_name().is_some_and(|file| stem(file) == last);
        is_in(path) && (is_the_file || source.contains(&format!("fn {last}(")))
    })
}

fn stem(name: &OsStr) -> &str {
    let name = name.to_str().unwrap_or_default();
    name.strip_suffix(".rs").unwrap_or(name)
}

/// A recipe, as `just deny`.
fn is_a_recipe(name: &str, justfile: &str) -> bool {
    let recipe = name.strip_prefix("just ");
    recipe.is_some_and(|recipe| {
        let mut lines = justfile.lines();
        lines.any(|line| {
            line.strip_prefix(recipe)
                .is_some_and(|rest| rest.starts_with(':') || rest.starts_with(' '))
        })
    })
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let sources: Vec<_> = ["tests", "crates"]
        .iter()
        .flat_map(|folder| files(&file(folder)))
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .map(|path| {
            let source = fs::read_to_string(&path).expect("a file");
            (path, source)
        })
        .collect();
    let justfile = fs::read_to_string(file("justfile")).expect("recipes");
    for path in PROMISES {
        let rows = column(path, "test");
        assert!(rows.len() > 10, "{path}: {} rows", rows.len());
        for row in rows {
            let names: Vec<_> = row.split('`').skip(1).step_by(2).collect();
            let reason = row.strip_prefix("none: ");
            assert!(!names.is_empty() || reason.is_some(), "{path}: {row:?}");
            if reason.is_some() {
                continue;
            }
            for name in names {
                let exists = is_a_test(name, &sources) || is_a_recipe(name, &justfile);
                assert!(exists, "{path}: there is no {name}");
            }
        }
    }
}

#[test]
fn a_name_that_holds_nothing_is_noticed() {
    let sources = [(
        PathBuf::from("tests/suite/faults/clock.rs"),
        "fn a_step_is_not_noticed() {}".to_owned(),
    )];
    for name in ["faults::clock", "clock::a_step_is_not_noticed"] {
        assert!(is_a_test(name, &sources), "{name}");
    }
    for name in [
        "clock",
        "faults::outage",
        "outage::a_step_is_not_noticed",
        "clock::a_step",
    ] {
        assert!(!is_a_test(name, &sources), "{name}");
    }
    assert!(is_a_recipe("just deny", "deny: (_tool)"));
    assert!(!is_a_recipe("just den", "deny: (_tool)"));
}
