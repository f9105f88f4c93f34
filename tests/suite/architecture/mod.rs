//! The structure of the workspace: which crates depend on which, no import cycle between the files of one, and what is published.

mod api;
mod cycles;
mod dependencies;
mod modules;
mod published;
mod rust_versions;
mod siblings;
