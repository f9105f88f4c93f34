//! Reading Markdown.

use std::{
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A Markdown file, by its path in the repository.
pub struct Page {
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block of code, and what stands behind its opening fence: the language, for rustdoc with attributes.
pub struct Snippet {
    pub info: String,
    pub code: String,
    /// The file that it shows whole, which a comment before it names: `<!-- file: docs/deploy/kubernetes.yaml -->`.
    pub file: Option<String>,
}

impl Snippet {
    fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or_default()
    }
}

impl Page {
    /// Where the links lead, in the order of the text.
    pub fn links(&self) -> Vec<String> {
        self.events()
            .filter_map(|event| match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    Some(dest_url.into_string())
                }
                _ => None,
            })
            .collect()
    }

    /// The names by which a link can lead to a heading, as mdBook and forges make them.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors = Vec::new();
        let mut heading = None;
        for event in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    anchors.extend(heading.take().as_deref().map(anchor));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        anchors
    }

    /// The blocks of code in one of these languages.
    pub fn snippets(&self, languages: &[&str]) -> Vec<Snippet> {
        let mut snippets = Vec::new();
        let mut open: Option<Snippet> = None;
        let mut file = None;
        for event in self.events() {
            match event {
                Event::Html(comment) => file = shown_file(&comment).map(str::to_owned),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    open = Some(Snippet {
                        info: info.into_string(),
                        code: String::new(),
                        file: file.take(),
                    });
                }
                Event::Start(Tag::Paragraph | Tag::Heading { .. }) => file = None,
                Event::Text(text) => {
                    if let Some(snippet) = &mut open {
                        snippet.code.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => snippets.extend(open.take()),
                _ => {}
            }
        }
        snippets.retain(|snippet| languages.contains(&snippet.language()));
        snippets
    }

    fn events(&self) -> Parser<'_> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }

    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

fn shown_file(comment: &str) -> Option<&str> {
    comment
        .trim()
        .strip_prefix("<!-- file: ")?
        .strip_suffix(" -->")
}

pub fn file(path: impl AsRef<Path>) -> PathBuf {
    Path::new(ROOT).join(path)
}

pub fn page(path: &str) -> Page {
    let text = fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Page {
        path: path.into(),
        text,
    }
}

/// The pages of the book.
pub fn book() -> Vec<Page> {
    let mut pages = found_in("docs");
    pages.retain(|page| page.path != Path::new("docs/SUMMARY.md"));
    assert!(pages.len() > 10, "the book is in docs/");
    pages
}

/// The pages of the book, and the READMEs.
pub fn everything() -> Vec<Page> {
    let mut pages = book();
    pages.push(page("README.md"));
    pages.push(page("CONTRIBUTING.md"));
    pages.extend(found_in("crates"));
    pages.extend(found_in("examples"));
    pages
}

fn found_in(folder: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    let entries = fs::read_dir(file(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries.flatten() {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            pages.extend(found_in(&path));
        } else if path.ends_with(".md") {
            pages.push(page(&path));
        }
    }
    pages
}

#[test]
fn an_anchor_is_what_a_forge_makes_of_a_heading() {
    assert_eq!(
        anchor("The app's own `sslmode` (always)"),
        "the-apps-own-sslmode-always"
    );
}
