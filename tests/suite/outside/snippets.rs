//! Each page lists what its snippets depend on.

use std::{collections::BTreeSet, fmt::Write};

use proc_macro2::Ident;
use syn::{
    UseTree,
    visit::{self, Visit},
};

use super::{
    build::{Copied, check},
    manifest::{Dependencies, assert_versions, dependencies, parse},
};
use crate::book::page::{Page, everything};

/// What a snippet names: the first parts of its paths, and what it brings into scope.
#[derive(Default)]
struct Names {
    first: BTreeSet<String>,
    imported: BTreeSet<String>,
}

impl Names {
    fn import(&mut self, tree: &UseTree, parent: &Ident) {
        let name = match tree {
            UseTree::Path(path) => return self.import(&path.tree, &path.ident),
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import(tree, parent));
            }
            UseTree::Glob(_) => return,
            UseTree::Name(name) if name.ident == "self" => parent,
            UseTree::Name(name) => &name.ident,
            UseTree::Rename(rename) => &rename.rename,
        };
        self.imported.insert(name.to_string());
    }

    fn crates(self) -> impl Iterator<Item = String> {
        let Self { first, imported } = self;
        first.into_iter().filter(move |name| {
            let is_ours = ["std", "crate", "self", "super"].contains(&name.as_str());
            let is_type = name.starts_with(char::is_uppercase);
            !is_ours && !is_type && !imported.contains(name)
        })
    }
}

impl<'a> Visit<'a> for Names {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if let UseTree::Path(path) = &item.tree {
            self.first.insert(path.ident.to_string());
            self.import(&path.tree, &path.ident);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.segments.len() > 1 {
            self.first.insert(path.segments[0].ident.to_string());
        }
        visit::visit_path(self, path);
    }
}

/// The crates that these lines of Rust name. Lines that rustdoc hides are lines, too; what is no file is a function's body.
fn crates(code: &str) -> BTreeSet<String> {
    let file = syn::parse_file(code).or_else(|_| syn::parse_file(&body(code)));
    let file = file.unwrap_or_else(|error| panic!("{error}\n{code}"));
    let mut names = Names::default();
    names.visit_file(&file);
    names.crates().collect()
}

/// A snippet that is a function's body.
fn body(code: &str) -> String {
    format!("async fn f() -> Result<(), Box<dyn std::error::Error>> {{\n{code}\nOk(()) }}")
}

/// As the compiler gets it from rustdoc, with what a feature of our crate turns on.
fn shown_and_hidden(code: &str) -> String {
    let lines = code
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    lines
        .filter(|line| *line != "#" && !line.starts_with("#[cfg(feature"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Those that a reader may want to copy.
fn snippets(page: &Page) -> Vec<String> {
    page.snippets(&["rust"])
        .into_iter()
        .filter(|snippet| snippet.file.is_none())
        .map(|snippet| shown_and_hidden(&snippet.code))
        .collect()
}

/// What the manifests on this page list. The same crate is listed in the same way.
fn listed(page: &Page) -> Dependencies {
    let mut all = Dependencies::new();
    for snippet in page.snippets(&["toml"]) {
        let manifest = parse(&page.name(), &snippet.code);
        for table in ["dependencies", "dev-dependencies"] {
            for (name, value) in dependencies(&manifest, &[table]) {
                let before = all.insert(name.clone(), value.clone());
                assert!(
                    before.is_none_or(|before| before == value),
                    "{}: {name}",
                    page.name()
                );
            }
        }
    }
    all
}

/// The pages for those who use the crates, not for those who change them. The README's code is the examples'.
fn pages() -> Vec<Page> {
    let mut pages = everything();
    pages.retain(|page| {
        let is_left_out = ["CONTRIBUTING.md", "README.md"].contains(&page.name().as_str());
        !is_left_out && !page.path.starts_with("docs/decisions")
    });
    pages
}

#[test]
fn no_snippet_needs_a_crate_that_its_page_does_not_list() {
    let mut missing = Vec::new();
    for page in pages() {
        let listed: BTreeSet<_> = listed(&page)
            .keys()
            .map(|name| name.replace('-', "_"))
            .collect();
        for code in snippets(&page) {
            let missed = crates(&code)
                .difference(&listed)
                .cloned()
                .collect::<Vec<_>>();
            if !missed.is_empty() {
                missing.push(format!("{}: {missed:?} in\n{code}", page.name()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn no_page_lists_another_version_than_the_workspace() {
    for page in everything() {
        assert_versions(&page.name(), &listed(&page));
    }
}

#[test]
fn the_crates_of_a_snippet_are_told_from_its_types_and_imports() {
    let code = "use a::{b::{self, C}, D as e}; use std::fmt; #[f::main] async fn g() -> h::I { b::j(); e::k(); l::m!(); C::n() }";
    let expected = ["a", "f", "h", "l"].map(str::to_owned);
    assert_eq!(crates(code), BTreeSet::from(expected));
}

/// A page's snippets as modules of a library with what the page lists, and nothing else.
fn library(page: &Page) -> Option<Copied> {
    let snippets = snippets(page);
    let mut code = String::from("#![allow(dead_code, unused)]\n");
    for (index, snippet) in snippets.iter().enumerate() {
        let is_file = syn::parse_file(snippet).is_ok();
        let snippet = if is_file {
            snippet.clone()
        } else {
            body(snippet)
        };
        writeln!(code, "mod snippet_{index} {{\n{snippet}\n}}").expect("a String");
    }
    let name = page.name().replace(['/', '.'], "-");
    (!snippets.is_empty()).then(|| Copied::library(&name, &listed(page), &code))
}

#[test]
#[ignore = "compiles much; `just outside` runs it"]
fn no_snippet_needs_more_than_its_page_lists() {
    for library in pages().iter().filter_map(library) {
        check(&library);
    }
}
