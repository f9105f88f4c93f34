//! Every page can be found, and every link leads somewhere.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::page::{Page, book, everything, file, page};

/// Where a link of this page leads, in the repository; `None` for one that leads to the web.
fn target(from: &Page, link: &str) -> Option<(PathBuf, Option<String>)> {
    if ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| link.starts_with(scheme))
    {
        return None;
    }
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (link, None),
    };
    let path = if path.is_empty() {
        from.path.clone()
    } else {
        plain(&from.path.parent().unwrap_or(Path::new("")).join(path))
    };
    Some((path, anchor))
}

/// Without `..`, so that paths can be compared.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn no_page_is_missing_from_the_summary() {
    let summary = page("docs/SUMMARY.md");
    let listed: Vec<_> = summary
        .links()
        .iter()
        .filter_map(|link| target(&summary, link))
        .map(|(path, _)| path)
        .collect();
    let distinct: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len(), "a page is listed twice");
    let pages: BTreeSet<_> = book().into_iter().map(|page| page.path).collect();
    let missing: Vec<_> = pages.difference(&distinct).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
    let gone: Vec<_> = distinct.difference(&pages).collect();
    assert!(gone.is_empty(), "listed in docs/SUMMARY.md: {gone:?}");
}

#[test]
fn no_link_leads_nowhere() {
    let mut dead = Vec::new();
    for from in everything() {
        for link in from.links() {
            if let Some((path, anchor)) = target(&from, &link)
                && !leads_somewhere(&from, &path, anchor.as_deref())
            {
                dead.push(format!("{}: {link}", from.name()));
            }
        }
    }
    assert!(
        dead.is_empty(),
        "these lead nowhere, or out of the book, which is docs/ alone: {dead:#?}"
    );
}

fn leads_somewhere(from: &Page, path: &Path, anchor: Option<&str>) -> bool {
    // The book is built from docs/ alone.
    let in_reach = !from.path.starts_with("docs") || path.starts_with("docs");
    let anchored = anchor.is_none_or(|anchor| {
        page(&path.display().to_string())
            .anchors()
            .iter()
            .any(|known| known == anchor)
    });
    in_reach && file(path).exists() && anchored
}
