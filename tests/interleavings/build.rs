//! Builds the core for the checker.

fn main() {
    println!("cargo::rustc-cfg=interleavings");
    // The core's features are not offered here.
    println!("cargo::rustc-check-cfg=cfg(feature, values(any()))");
    println!("cargo::rerun-if-changed=build.rs");
}
