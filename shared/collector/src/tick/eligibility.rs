//! Decides which streams a tick polls, and which of them goes first.

use jiff::Timestamp;

use slacktrail_core::cursor::Cursor;
use slacktrail_core::health::State;
use slacktrail_core::source::{Source, StreamId};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_core::time::Second;
use slacktrail_ports::{StoredCursor, Version};

/// Returns the index of the stream that goes first, out of `due` streams.
///
/// The index changes every minute. If a tick runs out of time before it reaches all streams, each tick therefore omits different ones.
pub(super) fn first_at(now: Timestamp, due: usize) -> usize {
    usize::try_from(now.as_second() / 60).unwrap_or(0) % due.max(1)
}

/// Returns the stored cursor if a tick polls the stream, and otherwise the outcome that it reports.
///
/// A stream is skipped if its source is paused, its cursor is corrupt, or it must wait.
pub(super) fn eligibility(
    source: &Source,
    stream: &StreamId,
    stored: Option<StoredCursor>,
    now: Second,
) -> Result<Option<(Version, Cursor)>, Box<StreamOutcome>> {
    let (version, cursor) = match stored {
        None if !source.paused => return Ok(None),
        None => return Err(Box::new(StreamOutcome::initial(stream, State::Paused))),
        Some((_, Err(error))) => {
            return Err(Box::new(StreamOutcome::unreadable(stream.source.clone(), Some(stream.log), error)));
        }
        Some((version, Ok(cursor))) => (version, cursor),
    };
    let waits = cursor.must_wait(now) && !cursor.health.was_reconnected_since_error(source);
    if !source.paused && !waits {
        return Ok(Some((version, cursor)));
    }
    let stored_error = cursor.health.error().filter(|_| !source.paused);
    Err(Box::new(StreamOutcome {
        gaps: cursor.gaps.len(),
        lag_seconds: cursor.lag_seconds(now),
        reason: stored_error.map(|error| error.of_source(source.id.clone())),
        is_reason_stored: true,
        ..StreamOutcome::initial(stream, if source.paused { State::Paused } else { cursor.health.state })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::{LogType, Plan};

    fn now() -> Second {
        Second::new(1_795_356_000).unwrap()
    }

    fn acme() -> Source {
        Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now())
    }

    fn skipped(source: &Source, cursor: Option<Cursor>) -> Option<StreamOutcome> {
        let stream = StreamId { source: source.id.clone(), log: LogType::Audit };
        let stored = cursor.map(|cursor| (Version(1), Ok(cursor)));
        eligibility(source, &stream, stored, now()).err().map(|outcome| *outcome)
    }

    #[test]
    fn due_streams_take_turns_going_first() {
        let at = |minute: i64| Timestamp::from_second(1_795_356_000 + 60 * minute).unwrap();
        let first: Vec<usize> = (0..6).map(|minute| first_at(at(minute), 3)).collect();
        assert_eq!(first, [0, 1, 2, 0, 1, 2]);
        assert_eq!(first_at(at(0), 0), 0);
    }

    #[test]
    fn stream_without_cursor_is_polled_unless_source_is_paused() {
        assert!(skipped(&acme(), None).is_none());
        let skipped = skipped(&Source { paused: true, ..acme() }, None).unwrap();
        assert_eq!((skipped.state, skipped.polled), (State::Paused, false));
    }

    #[test]
    fn waiting_stream_gives_reason_and_paused_stream_does_not() {
        let mut cursor = Cursor::first(&acme(), LogType::Audit, now());
        cursor.not_before = Some(now().plus(60));
        cursor.health.state = State::Waiting;
        cursor.health.code = Some("ratelimited".to_owned());
        let waiting = skipped(&acme(), Some(cursor.clone())).unwrap();
        assert_eq!((waiting.state, waiting.code()), (State::Waiting, Some("ratelimited")));
        assert!(waiting.error().is_none(), "no error of this tick");
        let paused = skipped(&Source { paused: true, ..acme() }, Some(cursor)).unwrap();
        assert_eq!((paused.state, paused.code()), (State::Paused, None));
    }
}
