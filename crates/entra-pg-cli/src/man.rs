//! `entra-pg man`.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man as Page;

use crate::{failure::Failure, output::print_bytes, status};

/// Print the manual page, or write the pages of all subcommands to a directory
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg man | man -l -
  entra-pg man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The directory for entra-pg.1, entra-pg-doctor.1, … [default: print entra-pg.1]
    directory: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, command: Command) -> Result<u8, Failure> {
        let failed = |error| {
            Failure::new(
                status::OTHER,
                format!("cannot write the manual page: {error}"),
            )
        };
        if let Some(directory) = self.directory {
            std::fs::create_dir_all(&directory).map_err(failed)?;
            clap_mangen::generate_to(command, directory).map_err(failed)?;
        } else {
            let mut page = Vec::new();
            Page::new(command).render(&mut page).map_err(failed)?;
            print_bytes(&page)?;
        }
        Ok(status::OK)
    }
}
