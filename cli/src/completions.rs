//! `slacktrail completions` prints a shell's completions. The hidden `slacktrail man` writes the man pages of the release archive.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli_error::CliError;
use crate::terminal;

/// Print the completions for a shell
///
/// Write the output to this file, and open a new shell:
///   bash: ~/.local/share/bash-completion/completions/slacktrail
///   zsh:  `_slacktrail` in a folder of $fpath
///   fish: ~/.config/fish/completions/slacktrail.fish
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Shell
    shell: Shell,
}

/// Write the man pages to a directory
#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// Directory, which must exist
    dir: PathBuf,
}

pub(crate) fn print(args: &Arguments, mut command: Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "slacktrail", &mut script);
    terminal::print_script(&script);
    Ok(())
}

/// Writes one man page for `command` and one for each of its subcommands.
pub(crate) fn write_man_pages(args: &ManArguments, command: Command) -> Result<(), CliError> {
    clap_mangen::generate_to(command.disable_help_subcommand(true), &args.dir).map_err(|error| {
        CliError::new(format!("writing man pages to `{}` failed", args.dir.display()))
            .with_source(error)
            .hint("create the directory first")
    })
}
