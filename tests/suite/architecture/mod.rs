//! The structure of the workspace: which crates depend on which, and no import cycle between the files of one.

mod api;
mod cycles;
mod dependencies;
mod modules;
