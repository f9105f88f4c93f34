//! `entra-pg completions`: what a shell needs to complete our command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{cli::Cli, failure::Failure, output::print_bytes, status};

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg completions bash > ~/.local/share/bash-completion/completions/entra-pg
  entra-pg completions zsh > \"${fpath[1]}/_entra-pg\"
  entra-pg completions fish > ~/.config/fish/completions/entra-pg.fish")]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "entra-pg", &mut script);
        print_bytes(&script)?;
        Ok(status::OK)
    }
}
