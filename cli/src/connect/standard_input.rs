//! A secret on standard input. A flag could not take one: what is typed after a command is shown to everybody on the machine.

use std::io::{IsTerminal, Read};

use crate::cli_error::CliError;

/// A secret is shorter than this; more on standard input is something else.
const BYTES_MAX: u64 = 4 << 10;

/// Reads the text that `flag` announces; `what` names it, as in "token".
///
/// # Errors
/// When standard input is a terminal, or holds no text. The text is not repeated.
pub(super) fn read(flag: &str, what: &str) -> Result<String, CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let message = format!("standard input is a terminal, which would show the {what} as it is typed");
        return Err(CliError::new(message)
            .hint(format!("redirect a file or a pipe to it: `{flag} < file`, or leave `{flag}` out")));
    }
    let mut text = String::new();
    stdin.take(BYTES_MAX).read_to_string(&mut text).map_err(|_| {
        CliError::new(format!("standard input holds no text that is a {what}"))
            .hint(format!("give the {what} alone, as text"))
    })?;
    Ok(text)
}
