//! Questions to the person at the terminal. They appear on standard error, and the terminal is given back as it was, also at a Ctrl-C.

use std::fmt::Display;
use std::io::IsTerminal;

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text};

use crate::cli_error::CliError;

/// Why something did not come to its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The person at the terminal did not want to go on.
    Interrupted,
    /// Something failed.
    Failed(CliError),
}

/// Whether there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line of text until `check` takes it.
///
/// # Errors
/// When it is interrupted, as all of these.
pub(crate) fn text<T>(question: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<T, Stopped> {
    loop {
        let answer = Text::new(question).prompt().map_err(unanswered)?;
        match check(answer.trim()) {
            Ok(value) => return Ok(value),
            Err(wrong) => crate::terminal::note(&format!("  {wrong}")),
        }
    }
}

/// Asks for a text that is not shown, until `check` takes it.
pub(crate) fn secret<T>(question: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<T, Stopped> {
    loop {
        let hidden = Password::new(question).with_display_mode(PasswordDisplayMode::Hidden);
        let answer = hidden.without_confirmation().prompt().map_err(unanswered)?;
        match check(answer.trim()) {
            Ok(value) => return Ok(value),
            Err(wrong) => crate::terminal::note(&format!("  {wrong}")),
        }
    }
}

/// Asks for one of several. What is typed leaves those options that `is_typed` finds meant, by their index.
pub(crate) fn choice<T: Display>(
    question: &str,
    options: Vec<T>,
    is_typed: &dyn Fn(&str, usize) -> bool,
) -> Result<T, Stopped> {
    let scorer = |typed: &str, _: &T, _: &str, index: usize| (typed.is_empty() || is_typed(typed, index)).then_some(0);
    Select::new(question, options).with_scorer(&scorer).prompt().map_err(unanswered)
}

/// Asks for yes or no; yes if nothing is said.
pub(crate) fn confirm(question: &str) -> Result<bool, Stopped> {
    Confirm::new(question).with_default(true).prompt().map_err(unanswered)
}

fn unanswered(error: InquireError) -> Stopped {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Stopped::Interrupted,
        error => Stopped::Failed(
            CliError::new("asking at this terminal failed")
                .with_source(error)
                .hint("give the answers as flags: see `--help`"),
        ),
    }
}

impl From<CliError> for Stopped {
    fn from(error: CliError) -> Stopped {
        Stopped::Failed(error)
    }
}

impl From<Stopped> for CliError {
    fn from(stopped: Stopped) -> CliError {
        match stopped {
            Stopped::Interrupted => {
                CliError::new("interrupted: nothing was changed").hint("run the same command again")
            }
            Stopped::Failed(error) => error,
        }
    }
}
