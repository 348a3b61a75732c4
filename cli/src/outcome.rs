//! The shape of a command. Its module has `Arguments` and `run`, which does the work and returns a type that implements [`Outcome`]. Only
//! [`show`] chooses text or JSON, prints errors and sets the exit code.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli_error::{CliError, USAGE_CODE};
use crate::{interrupt, terminal};

/// The result of a command.
pub(crate) trait Outcome {
    /// The exit code of a command that returns an error.
    const ERROR_CODE: u8 = 1;

    /// Returns the value for `--json`. Scripts rely on its field names.
    fn json(&self) -> impl Serialize {}

    /// Returns the sentences that [`Outcome::print`] shows.
    fn text(&self) -> String {
        String::new()
    }

    fn print(&self) {
        terminal::print_wrapped(&self.text());
    }

    /// Returns the problems to print after the result.
    fn problems(&self) -> Vec<CliError> {
        Vec::new()
    }

    /// Returns the exit code: 0 if the command did what the user requested.
    fn exit_code(&self) -> u8 {
        0
    }
}

/// A command that prints its results itself.
impl Outcome for () {
    fn print(&self) {}
}

/// Prints the result or the error of a command, and returns the exit code. A result that could not be written is an error.
pub(crate) fn show<O: Outcome>(json: bool, result: Result<O, CliError>) -> ExitCode {
    let (mut problems, mut exit_code) = match result {
        Ok(outcome) => {
            if json {
                terminal::print(&terminal::json_text(&outcome.json()))
            } else {
                outcome.print()
            }
            (outcome.problems(), outcome.exit_code())
        }
        Err(error) => {
            let exit_code = error.exit_code.unwrap_or(O::ERROR_CODE);
            (vec![error], exit_code)
        }
    };
    if let Some(error) = terminal::output_error() {
        problems.push(error);
        exit_code = O::ERROR_CODE;
    }
    problems.iter().for_each(terminal::print_error);
    ExitCode::from(exit_code)
}

/// Runs a command that does not handle Ctrl-C itself, and shows its result. Ctrl-C ends it and removes its progress lines.
pub(crate) async fn until_ctrl_c<O: Outcome>(
    json: bool,
    running: impl Future<Output = Result<O, CliError>>,
) -> ExitCode {
    let mut running = Box::pin(running);
    tokio::select! {
        biased;
        () = interrupt::ctrl_c() => {
            drop(running);
            ExitCode::from(interrupt::EXIT_CODE)
        }
        result = &mut running => show(json, result),
    }
}

/// Prints why the arguments cannot be used on this machine, and returns the exit code.
pub(crate) fn reject(error: &CliError) -> ExitCode {
    terminal::print_error(error);
    ExitCode::from(USAGE_CODE)
}

/// Prints the text of `--help` and `--version`, or an error of the command line, and returns the exit code.
pub(crate) fn show_usage(usage: &clap::Error) -> ExitCode {
    terminal::print_usage(usage);
    match terminal::output_error() {
        None => ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(USAGE_CODE)),
        Some(error) => {
            terminal::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
