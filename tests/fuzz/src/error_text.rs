//! What an error may say: everything that a person needs, and nothing that a log must not hold.

use std::error::Error as _;
use std::fmt::Debug;

use slacktrail_core::error::Error;

/// A text of an error is shorter than this, so that a log line stays one.
const TEXT_BYTES_MAX: usize = 1000;
/// Wait that Slack may ask of us, in seconds.
const WAIT_SECONDS: std::ops::RangeInclusive<i64> = 1..=3600;

/// Asserts that an error holds no token, no control character and no more than a log line, and asks for no wait out of bounds.
pub(crate) fn assert_tells_nothing(error: &Error) {
    assert!(!error.code.is_empty() && error.code.len() <= 80, "an error without a code that can be looked up");
    assert!(!error.message.is_empty() && !error.hint.is_empty(), "an error without words");
    assert!(error.retry_after_seconds.is_none_or(|seconds| WAIT_SECONDS.contains(&seconds)), "a wait out of bounds");
    for text in [&error.code, &error.message, &error.hint] {
        assert_fit_for_a_log(text);
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        assert_fit_for_a_log(&error.to_string());
        cause = error.source();
    }
    assert_no_token(&format!("{error:?}"));
}

/// Asserts that a text can stand in a log line.
pub(crate) fn assert_fit_for_a_log(text: &str) {
    assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
    assert!(text.len() <= TEXT_BYTES_MAX, "{} bytes in {text:?}", text.len());
    assert_no_token(text);
}

/// Asserts that no token is in a text: `xox`, a letter, `-`, and something behind it. (Hints speak of a `xoxp-` without more.)
pub(crate) fn assert_no_token(text: &str) {
    let token = text.match_indices("xox").any(|(at, _)| {
        let mut rest = text[at + 3..].bytes();
        rest.next().is_some_and(|c| c.is_ascii_lowercase())
            && matches!(rest.next(), Some(b'-' | b'.'))
            && rest.next().is_some_and(|c| c.is_ascii_alphanumeric())
    });
    assert!(!token, "a token in {text:?}");
}

/// Asserts that what somebody may print of `holder` does not hold `secret`. A short one may stand there by chance.
pub(crate) fn assert_hides(holder: &impl Debug, secret: &str) {
    const SECRET_BYTES_MIN: usize = 12;
    if secret.len() >= SECRET_BYTES_MIN && secret.bytes().any(|c| c.is_ascii_digit()) {
        assert!(!format!("{holder:?}").contains(secret), "a secret in {holder:?}");
    }
}
