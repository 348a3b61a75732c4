//! Page cursors, which are opaque to the caller and need no state in the simulator. Each contains its list, the position to continue from
//! and the time when it was issued.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

/// Returns a cursor. Because of padding, many cursors end in `=`, which callers must percent-encode.
pub(crate) fn encode<const N: usize>(list: &str, position: [i64; N], now: Timestamp) -> String {
    let mut text = list.to_owned();
    for number in position.iter().chain([&now.as_second()]) {
        text.push(':');
        text.push_str(&number.to_string());
    }
    STANDARD.encode(text)
}

/// Returns the position of a cursor, or `None` if it belongs to another list, is malformed, or is older than `ttl`.
pub(crate) fn decode<const N: usize>(
    list: &str,
    cursor: &str,
    now: Timestamp,
    ttl: Option<SignedDuration>,
) -> Option<[i64; N]> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    let mut parts = text.split(':');
    if parts.next() != Some(list) {
        return None;
    }
    let mut position = [0; N];
    for number in &mut position {
        *number = parts.next()?.parse().ok()?;
    }
    let issued: i64 = parts.next()?.parse().ok()?;
    let age = SignedDuration::from_secs(now.as_second() - issued);
    (parts.next().is_none() && ttl.is_none_or(|ttl| age <= ttl)).then_some(position)
}
