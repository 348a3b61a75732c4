//! Page cursors: opaque to the caller, and stateless here. Each says which list it belongs to, the place to go on from, and when it
//! was issued.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

/// Writes a cursor. Padding makes many of them end in `=`, which callers must percent-encode.
pub(crate) fn encode<const N: usize>(list: &str, place: [i64; N], now: Timestamp) -> String {
    let mut text = list.to_owned();
    for number in place.iter().chain([&now.as_second()]) {
        text.push(':');
        text.push_str(&number.to_string());
    }
    STANDARD.encode(text)
}

/// Reads a cursor back. `None` if it is not of this list, was tampered with, or is older than `life`.
pub(crate) fn decode<const N: usize>(
    list: &str,
    cursor: &str,
    now: Timestamp,
    life: Option<SignedDuration>,
) -> Option<[i64; N]> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    let mut parts = text.split(':');
    if parts.next() != Some(list) {
        return None;
    }
    let mut place = [0; N];
    for number in &mut place {
        *number = parts.next()?.parse().ok()?;
    }
    let issued: i64 = parts.next()?.parse().ok()?;
    let age = SignedDuration::from_secs(now.as_second() - issued);
    (parts.next().is_none() && life.is_none_or(|life| age <= life)).then_some(place)
}
