//! Cursors as they are stored.

use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::LogType;

use super::{now, text};
use crate::error_text::assert_tells_nothing;

/// A cursor is refused in words that a log may hold, or comes back as it was and can be worked with.
pub(super) fn stored(bytes: &[u8]) {
    let cursor = match Cursor::decode(&text(bytes)) {
        Ok(cursor) => cursor,
        Err(error) => return assert_tells_nothing(&error),
    };
    let encoded = cursor.encode();
    let again = Cursor::decode(&encoded).expect("what we encode can be decoded");
    assert_eq!(again, cursor);
    assert_eq!(again.encode(), encoded);
    assert!(cursor.gaps.iter().all(|gap| gap.oldest <= gap.latest), "a gap that ends before it begins");
    assert!(cursor.lag_seconds(now()) >= 0);
    for log in LogType::ALL {
        let mut backfilled = cursor.clone();
        backfilled.backfill(log, now().plus(-86_400), now(), now());
        assert!(backfilled.is_behind());
        Cursor::decode(&backfilled.encode()).expect("what we encode can be decoded");
    }
}
