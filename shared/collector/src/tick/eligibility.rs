//! Decides which streams a tick polls, and which of them goes first.

use jiff::Timestamp;

use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::health::State;
use slacktrail_core::source::{Source, StreamId};
use slacktrail_core::stream::{Problem, StreamOutcome};
use slacktrail_core::time::Second;
use slacktrail_ports::Version;

/// Returns the index of the stream that goes first, out of `due` streams.
///
/// The index changes every minute. If a tick runs out of time before it reaches all streams, each tick therefore omits different ones.
pub(super) fn first_at(now: Timestamp, due: usize) -> usize {
    usize::try_from(now.as_second() / 60).unwrap_or(0) % due.max(1)
}

/// The decision whether a tick polls a stream.
pub(super) enum Eligibility {
    /// Polls the stream, starting from its stored cursor.
    Due(Box<Option<(Version, Cursor)>>),
    /// Does not poll the stream, and only reports its state.
    Skipped(Box<StreamOutcome>),
}

/// Returns whether a tick polls a stream. A stream is skipped if its source is paused, its cursor is corrupt, or it must wait.
pub(super) fn eligibility(
    source: &Source,
    stream: &StreamId,
    cursor: Option<(Version, Result<Cursor, Error>)>,
    now: Second,
) -> Eligibility {
    let (version, cursor) = match cursor {
        None if source.is_active() => return Eligibility::Due(Box::new(None)),
        None => return Eligibility::Skipped(Box::new(StreamOutcome::skipped(stream, State::Paused))),
        Some((_, Err(error))) => {
            let outcome = StreamOutcome::unreadable(stream.source.clone(), Some(stream.log), error);
            return Eligibility::Skipped(Box::new(outcome));
        }
        Some((version, Ok(cursor))) => (version, cursor),
    };
    let waits = cursor.must_wait(now) && !cursor.health.predates_reconnect(source);
    if !source.paused && !waits {
        return Eligibility::Due(Box::new(Some((version, cursor))));
    }
    let state = if source.paused { State::Paused } else { cursor.health.state };
    let mut outcome = StreamOutcome::skipped(stream, state);
    (outcome.gaps, outcome.lag_seconds) = (cursor.gaps.len(), cursor.lag_seconds(now));
    outcome.problem = cursor
        .health
        .error()
        .filter(|_| !source.paused)
        .map(|error| Problem::Stored(error.of_source(source.id.clone())));
    Eligibility::Skipped(Box::new(outcome))
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
        match eligibility(source, &stream, cursor.map(|cursor| (Version(1), Ok(cursor))), now()) {
            Eligibility::Due(_) => None,
            Eligibility::Skipped(outcome) => Some(*outcome),
        }
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
