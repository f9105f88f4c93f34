//! `embed_migrations!` reads the folder at compile time, so a change in it must recompile the crate.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
