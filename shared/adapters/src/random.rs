//! Random bytes of the operating system, for what nobody may guess.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

use slacktrail_core::error::{Error, ErrorKind};

/// Random bytes.
///
/// # Errors
/// [`ErrorKind::Retry`] when the operating system has none to give.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("the operating system gave no random bytes: {error}");
        Error::deployment(
            ErrorKind::Retry,
            "no_random_bytes",
            message,
            "try again; if it stays, something is wrong with this machine",
        )
    })?;
    Ok(bytes)
}
