//! Authorizations as they are stored, and the one-time tokens that lead to them.

use slacktrail_core::authorization::{Authorization, OneTimeToken};

use super::{now, text};
use crate::error_text::assert_hides;

/// An authorization comes back as it was.
pub(super) fn stored(bytes: &[u8]) {
    let Ok(authorization) = serde_json::from_str::<Authorization>(&text(bytes)) else { return };
    let again: Authorization = serde_json::from_str(&authorization.encode()).expect("what we encode can be decoded");
    assert_eq!(again, authorization);
    let cookie = authorization.cookie_name();
    assert!(cookie.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c)), "no cookie's name: {cookie:?}");
    let _ = authorization.is_expired(now());
}

/// A one-time token is exactly the text that it was made of, and shows its name alone.
pub(super) fn one_time_token(bytes: &[u8]) {
    let text = text(bytes);
    let Some(token) = OneTimeToken::parse(&text) else { return };
    assert_eq!(token.reveal(), text, "another token");
    assert!(token.matches(&token.hash()));
    let secret = text.split_once('.').map(|(_, secret)| secret).expect("a token has a point");
    assert_hides(&token, secret);
    let (first, rest) = secret.split_at(1);
    let other = OneTimeToken::parse(&format!("{}.{}{rest}", token.id, if first == "0" { "1" } else { "0" }));
    assert!(!other.expect("it has the form of a token").matches(&token.hash()), "another secret was let in");
}
