//! Stored authorizations, and the one-time tokens of their links.

use slacktrail_connect::{Authorization, OneTimeToken};

use super::{now, text};
use crate::error_text::assert_hides;

/// Checks that an authorization is unchanged after it is encoded and decoded.
pub(super) fn stored(bytes: &[u8]) {
    let Ok(authorization) = serde_json::from_str::<Authorization>(&text(bytes)) else { return };
    let again: Authorization =
        serde_json::from_str(&authorization.encode()).expect("an encoded authorization can be decoded");
    assert_eq!(again, authorization);
    let cookie = slacktrail_connect::cookie_name(&authorization.id);
    assert!(cookie.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c)), "invalid cookie name: {cookie:?}");
    let _ = authorization.is_expired(now());
}

/// Checks that a one-time token reveals its exact text, hides its secret in debug output, and matches only its own hash.
pub(super) fn one_time_token(bytes: &[u8]) {
    let text = text(bytes);
    let Some(token) = OneTimeToken::parse(&text) else { return };
    assert_eq!(token.reveal(), text, "the token changed");
    assert!(token.matches(&token.hash()));
    let secret = text.split_once('.').map(|(_, secret)| secret).expect("a token contains a dot");
    assert_hides(&token, secret);
    let (first, rest) = secret.split_at(1);
    let other = OneTimeToken::parse(&format!("{}.{}{rest}", token.id, if first == "0" { "1" } else { "0" }));
    assert!(!other.expect("a valid token").matches(&token.hash()), "a different secret matched");
}
