//! `embed_migrations!` reads the folder when it is compiled; cargo has to know when to do that again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
