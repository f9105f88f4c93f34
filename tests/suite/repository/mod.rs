//! What surrounds the code: workflows that hold nothing but recipes, and the checks of a release.

mod release;
mod workflows;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
