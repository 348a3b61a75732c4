//! Checks that error texts are complete and safe to log.

use std::error::Error as _;
use std::fmt::Debug;

use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;

/// The maximum size of an error text, so that a log line remains one line.
const TEXT_BYTES_MAX: usize = 1000;
/// The range in seconds that `Retry-After` is limited to.
const WAIT_SECONDS: std::ops::RangeInclusive<i64> = 1..=3600;

/// Asserts that an error contains no token or control character, fits into a log line, and has a valid retry delay.
pub(crate) fn assert_safe_error(error: &Error) {
    assert!(!error.code.is_empty() && error.code.len() <= 80, "empty or oversized error code");
    assert!(!error.message.is_empty(), "empty error message");
    assert!(
        error.retry_after_seconds.is_none_or(|seconds| WAIT_SECONDS.contains(&seconds)),
        "retry delay out of range"
    );
    for text in [&error.code, &error.message, &error.hint(Place::Poller, None)] {
        assert_loggable(text);
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        assert_loggable(&error.to_string());
        cause = error.source();
    }
    assert_no_token(&format!("{error:?}"));
}

/// Asserts that a text is safe in a log line.
pub(crate) fn assert_loggable(text: &str) {
    assert!(!text.chars().any(char::is_control), "control character in {text:?}");
    assert!(text.len() <= TEXT_BYTES_MAX, "text of {} bytes is too long: {text:?}", text.len());
    assert_no_token(text);
}

/// Asserts that a text contains no token: `xox`, a letter, `-` or `.`, and a letter or digit. Hints may mention `xoxp-` alone.
pub(crate) fn assert_no_token(text: &str) {
    let token = text.match_indices("xox").any(|(at, _)| {
        let mut rest = text[at + 3..].bytes();
        rest.next().is_some_and(|c| c.is_ascii_lowercase())
            && matches!(rest.next(), Some(b'-' | b'.'))
            && rest.next().is_some_and(|c| c.is_ascii_alphanumeric())
    });
    assert!(!token, "token in {text:?}");
}

/// Asserts that the debug output of `holder` does not contain `secret`. Skips short secrets, which may occur there by chance.
pub(crate) fn assert_hides(holder: &impl Debug, secret: &str) {
    const SECRET_BYTES_MIN: usize = 12;
    if secret.len() >= SECRET_BYTES_MIN && secret.bytes().any(|c| c.is_ascii_digit()) {
        assert!(!format!("{holder:?}").contains(secret), "secret in {holder:?}");
    }
}
