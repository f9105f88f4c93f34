//! `entra-pg completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::{failure::Failure, output::print_bytes, status};

/// Print shell completions
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg completions bash > ~/.local/share/bash-completion/completions/entra-pg
  entra-pg completions zsh > \"${fpath[1]}/_entra-pg\"
  entra-pg completions fish > ~/.config/fish/completions/entra-pg.fish")]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, mut command: Command) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "entra-pg", &mut script);
        print_bytes(&script)?;
        Ok(status::OK)
    }
}
