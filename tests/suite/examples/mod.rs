//! The examples, each run as the program that it is, in an environment that the emulator prepares, over several lifetimes of
//! its tokens. `just examples` runs these.

mod configuration;
mod migrations;
mod program;
mod quickstarts;
mod services;
mod workers;
