//! The shape of a command. Its module has `Arguments` and `run`, which does the work and returns a type that implements [`Outcome`]. Only
//! [`show`] chooses text or JSON, prints errors and sets the exit code.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli_error::CliError;
use crate::terminal;

/// The result of a command.
pub(crate) trait Outcome {
    /// The exit code of a command that returns an error.
    const ERROR_CODE: u8 = 1;

    /// Returns the value for `--json`. Scripts rely on its field names.
    fn json(&self) -> impl Serialize {}

    /// Prints the result as text.
    fn print(&self);

    /// Returns the problems to print after the result.
    fn problems(&self) -> Vec<CliError> {
        Vec::new()
    }

    /// Returns the exit code: 0 if what was asked was done.
    fn exit_code(&self) -> u8 {
        0
    }
}

/// A command that prints its results itself.
impl Outcome for () {
    fn print(&self) {}
}

/// Prints the result or the error of a command, and returns the exit code.
pub(crate) fn show<O: Outcome>(json: bool, result: Result<O, CliError>) -> ExitCode {
    let (problems, exit_code) = match result {
        Ok(outcome) => {
            if json {
                terminal::print_json(&outcome.json())
            } else {
                outcome.print()
            }
            (outcome.problems(), outcome.exit_code())
        }
        Err(error) => (vec![error], O::ERROR_CODE),
    };
    problems.iter().for_each(terminal::print_error);
    ExitCode::from(exit_code)
}
