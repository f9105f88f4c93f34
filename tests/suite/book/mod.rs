//! The book in `docs/`, and the READMEs: every page is listed, every link leads somewhere, and what can be tried of the snippets
//! is tried. Their Rust is compiled by rustdoc, see `tests/src/guides.rs`.

mod files;
mod links;
mod manifests;
pub mod page;
mod promises;
mod snippets;
mod sql;
