//! Reads a secret from standard input. No flag takes a secret, because other users of the machine can list the arguments of a process.

use std::io::{IsTerminal, Read};

use crate::cli_error::CliError;

/// The maximum length that is read. Every secret is shorter.
const BYTES_MAX: u64 = 4 << 10;

/// Reads the secret for `flag`. `what` names it in errors, such as "token".
///
/// # Errors
/// Returns an error if standard input is a terminal or is not text. The error does not repeat the text.
pub(super) fn read(flag: &str, what: &str) -> Result<String, CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let message = format!("standard input is a terminal, which would show the {what} as you type it");
        return Err(CliError::new(message)
            .hint(format!("redirect a file (`{flag} < file`) or a pipe to standard input, or omit `{flag}`")));
    }
    let mut text = String::new();
    stdin.take(BYTES_MAX).read_to_string(&mut text).map_err(|_| {
        CliError::new(format!("reading the {what} from standard input failed"))
            .hint(format!("pass only the {what}, as text"))
    })?;
    Ok(text)
}
