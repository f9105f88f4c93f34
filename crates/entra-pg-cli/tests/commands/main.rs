//! The built command, in environments that the emulator prepares.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod azure_cli;
mod bad_input;
mod doctor;
mod documents;
mod exec;
mod files;
mod fixtures;
mod identity;
mod late_endpoint;
mod proxy;
mod psql;
mod secrets;
mod servers;
mod terminal;
mod tools;
