//! Asks questions in the terminal, on standard error, and reads secrets from standard input. Restores the terminal afterwards, also after
//! Ctrl-C. Each question returns an error if the user interrupts it, or if the prompt fails.

use std::fmt::Display;
use std::io::{IsTerminal, Read};

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text};

use crate::cli_error::CliError;

/// The maximum length of a secret that is read from standard input. Every secret is shorter.
const STDIN_BYTES_MAX: u64 = 4 << 10;

/// Why an operation ended early.
#[derive(Debug)]
pub(crate) enum Stopped {
    Interrupted,
    Failed(CliError),
}

/// Returns `true` if standard input and standard error are a terminal.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line of text until `check` accepts it.
pub(crate) fn text<T>(question: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<T, Stopped> {
    until_accepted(|| Text::new(question).prompt(), check)
}

/// Asks for a text without showing it, until `check` accepts it.
pub(crate) fn secret<T>(question: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<T, Stopped> {
    let hidden = Password::new(question).with_display_mode(PasswordDisplayMode::Hidden).without_confirmation();
    until_accepted(|| hidden.clone().prompt(), check)
}

fn until_accepted<T>(
    ask: impl Fn() -> Result<String, InquireError>,
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Stopped> {
    loop {
        match check(ask().map_err(prompt_error)?.trim()) {
            Ok(value) => return Ok(value),
            Err(wrong) => crate::terminal::note(&format!("  {wrong}")),
        }
    }
}

/// Asks for one of the options. Typing filters them: `is_typed` gets the typed text and the index of an option.
pub(crate) fn choice<T: Display>(
    question: &str,
    options: Vec<T>,
    is_typed: &dyn Fn(&str, usize) -> bool,
) -> Result<T, Stopped> {
    let scorer = |typed: &str, _: &T, _: &str, index: usize| (typed.is_empty() || is_typed(typed, index)).then_some(0);
    Select::new(question, options).with_scorer(&scorer).prompt().map_err(prompt_error)
}

/// Asks a yes-or-no question.
pub(crate) fn confirm(question: &str, default: bool) -> Result<bool, Stopped> {
    Confirm::new(question).with_default(default).prompt().map_err(prompt_error)
}

/// Reads the secret for `flag` from standard input. `what` names it in errors, such as "token". No flag takes a secret, because other users of
/// the machine can list the arguments of a process.
///
/// # Errors
/// Returns an error if standard input is a terminal or is not text. The error does not repeat the text.
pub(crate) fn from_stdin(flag: &str, what: &str) -> Result<String, CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let message = format!("standard input is a terminal, which would show the {what} as you type it");
        return Err(CliError::new(message)
            .hint(format!("redirect a file (`{flag} < file`) or a pipe to standard input, or omit `{flag}`")));
    }
    let mut text = String::new();
    stdin.take(STDIN_BYTES_MAX).read_to_string(&mut text).map_err(|_| {
        CliError::new(format!("reading the {what} from standard input failed"))
            .hint(format!("pass only the {what}, as text"))
    })?;
    Ok(text)
}

fn prompt_error(error: InquireError) -> Stopped {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Stopped::Interrupted,
        error => Stopped::Failed(
            CliError::new("the prompt failed").with_source(error).hint("pass the answers as flags (see `--help`)"),
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
                CliError::interrupted("interrupted: nothing was changed").hint("run the same command again")
            }
            Stopped::Failed(error) => error,
        }
    }
}
