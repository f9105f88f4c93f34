//! Files that pages show whole, so that they can be read wherever Markdown is shown. mdBook's `{{#include}}` is only mdBook's.

use std::{collections::BTreeSet, fs};

use super::page::{everything, file};

#[test]
fn no_page_shows_a_file_as_it_is_no_longer() {
    for page in everything() {
        for snippet in page.snippets(&["dockerfile", "ini", "rust", "toml", "yaml"]) {
            let Some(shown) = snippet.file else { continue };
            let content =
                fs::read_to_string(file(&shown)).unwrap_or_else(|e| panic!("{shown}: {e}"));
            assert_eq!(snippet.code, content, "{} shows {shown}", page.name());
        }
    }
}

#[test]
fn no_page_needs_mdbook_to_be_read() {
    for page in everything() {
        assert!(
            !page.text.contains("{{#"),
            "{} includes a file",
            page.name()
        );
    }
}

#[test]
fn no_manifest_is_left_out_of_the_guides() {
    let shown: BTreeSet<_> = everything()
        .iter()
        .flat_map(|page| page.snippets(&["dockerfile", "ini", "yaml"]))
        .filter_map(|snippet| snippet.file)
        .collect();
    for entry in fs::read_dir(file("docs/deploy"))
        .expect("the manifests")
        .flatten()
    {
        let name = format!("docs/deploy/{}", entry.file_name().to_string_lossy());
        assert!(shown.contains(&name), "{name} is shown nowhere");
    }
}
