//! No file imports, directly or through others, a file that imports it.
//!
//! An import is a path that leads to an item of another file of the same crate: in a `use`, or in the code. A re-export
//! (`pub use`) is none; what is imported through it is imported from the file that defines it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use super::{dependencies::ROOT, modules::Modules};

type Imports = BTreeMap<(PathBuf, PathBuf), String>;

/// The shortest way from a file to itself.
fn cycle_of(file: &Path, imports: &Imports) -> Option<Vec<PathBuf>> {
    let mut ways = VecDeque::from([vec![file.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        for (_, next) in imports.keys().filter(|(from, _)| from == last) {
            let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == file {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// One cycle for each group of files that import one another.
fn cycles(imports: &Imports) -> Vec<Vec<PathBuf>> {
    let mut cycles: Vec<Vec<PathBuf>> = Vec::new();
    let files: BTreeSet<_> = imports.keys().map(|(file, _)| file).collect();
    for file in files {
        if cycles.iter().all(|cycle| !cycle.contains(file)) {
            cycles.extend(cycle_of(file, imports));
        }
    }
    cycles
}

/// For people: each file, and the path by which it imports the next.
fn describe(cycle: &[PathBuf], imports: &Imports, source: &Path) -> String {
    let mut text = String::new();
    for pair in cycle.windows(2) {
        let path = &imports[&(pair[0].clone(), pair[1].clone())];
        let [from, to] = [&pair[0], &pair[1]].map(|file| file.strip_prefix(source).unwrap_or(file));
        let _ = writeln!(text, "  {} uses {path} of {}", from.display(), to.display());
    }
    text
}

/// The cycles of each crate that has some.
fn cyclic_crates() -> BTreeMap<String, String> {
    let mut cyclic = BTreeMap::new();
    for package in fs::read_dir(Path::new(ROOT).join("crates")).expect("crates") {
        let package = package.expect("an entry");
        let source = package.path().join("src");
        for root in ["lib.rs", "main.rs"].map(|root| source.join(root)) {
            if root.exists() {
                let imports = Modules::of(&root).imports();
                let found = cycles(&imports);
                let found = found.iter().map(|cycle| describe(cycle, &imports, &source));
                let found = found.collect::<Vec<_>>().join("\n");
                if !found.is_empty() {
                    cyclic.insert(package.file_name().to_string_lossy().into_owned(), found);
                }
            }
        }
    }
    cyclic
}

#[test]
fn no_files_of_a_crate_import_one_another() {
    let cyclic = cyclic_crates();
    let cyclic = cyclic
        .iter()
        .map(|(name, cycles)| format!("{name}:\n{cycles}"));
    let cyclic = cyclic.collect::<String>();
    assert!(cyclic.is_empty(), "{cyclic}");
}
