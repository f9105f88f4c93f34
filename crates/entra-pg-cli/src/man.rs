//! `entra-pg man`: the manual page.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use crate::{cli::Cli, failure::Failure, output::print_bytes, status};

/// Print the manual page, or write those of all subcommands into a directory
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg man | man -l -
  entra-pg man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Where to write entra-pg.1, entra-pg-doctor.1, … [default: print entra-pg.1]
    directory: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let failed = |error| Failure::new(status::OTHER, format!("no manual page: {error}"));
        if let Some(directory) = self.directory {
            std::fs::create_dir_all(&directory).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
        } else {
            let mut page = Vec::new();
            Page::new(Cli::command())
                .render(&mut page)
                .map_err(failed)?;
            print_bytes(&page)?;
        }
        Ok(status::OK)
    }
}
