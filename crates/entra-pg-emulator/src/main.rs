//! The command `entra-pg-emulator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    entra_pg_emulator::cli::main()
}
