//! What surrounds the code: the checks of a release.

mod release;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
