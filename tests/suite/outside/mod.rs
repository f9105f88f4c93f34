//! What people copy: the examples, and the snippets of the guides. Each must do without this workspace.
//!
//! The quick tests read manifests. `just outside` compiles everything in folders of its own.

mod build;
mod examples;
mod manifest;
mod snippets;
