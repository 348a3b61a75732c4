//! Random bytes from the operating system, suitable for secrets.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

use slacktrail_core::error::Error;

/// Returns `N` random bytes.
///
/// # Errors
/// Returns an error with code `no_random_bytes` if the operating system returns no random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("the operating system returned no random bytes: {error}");
        Error::deployment("no_random_bytes", message)
    })?;
    Ok(bytes)
}
