#![doc = include_str!("../docs/errors.md")]
#![allow(
    clippy::doc_markdown,
    reason = "the tables quote messages as they are printed"
)]
