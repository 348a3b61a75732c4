//! Stored cursors.

use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::LogType;

use super::{now, text};
use crate::error_text::assert_safe_error;

/// Checks that a cursor is either rejected with a safe error, or usable and unchanged after it is encoded and decoded.
pub(super) fn stored(bytes: &[u8]) {
    let cursor = match Cursor::decode(&text(bytes)) {
        Ok(cursor) => cursor,
        Err(error) => return assert_safe_error(&error),
    };
    let encoded = cursor.encode();
    let again = Cursor::decode(&encoded).expect("an encoded cursor can be decoded");
    assert_eq!(again, cursor);
    assert_eq!(again.encode(), encoded);
    assert!(cursor.gaps.iter().all(|gap| gap.oldest <= gap.latest), "a gap ends before it starts");
    assert!(cursor.lag_seconds(now()) >= 0);
    for log in LogType::ALL {
        let mut backfilled = cursor.clone();
        backfilled.backfill(log, now().plus(-86_400), now(), now());
        assert!(backfilled.is_behind());
        Cursor::decode(&backfilled.encode()).expect("an encoded cursor can be decoded");
    }
}
