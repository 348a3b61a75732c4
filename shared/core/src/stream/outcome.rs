//! The outcome of one stream's tick. The poller's response, its log lines and the CLI's tables are made from it.

use serde::Serialize;

use crate::codes::Place;
use crate::counts::TickCounts;
use crate::error::Error;
use crate::health::State;
use crate::source::{LogType, SourceId, StreamId};

/// The outcome of one stream's tick.
#[derive(Clone, Debug, Serialize)]
pub struct StreamOutcome {
    /// The source ID.
    pub source: SourceId,
    /// The log type, or `None` if the source itself could not be read.
    pub log: Option<LogType>,
    /// The state after the tick.
    pub state: State,
    /// Whether the stream was polled. It is not polled if it is paused, must wait or cannot be read.
    pub polled: bool,
    /// The reason for the state, unless it is healthy.
    #[serde(flatten)]
    pub reason: Option<Error>,
    /// Whether the reason was stored by an earlier tick, because this one met no error or did not poll the stream.
    #[serde(skip)]
    pub is_reason_stored: bool,
    /// What the tick did.
    #[serde(flatten)]
    pub counts: TickCounts,
    /// Number of gaps that remain.
    pub gaps: usize,
    /// The delay of live collection.
    pub lag_seconds: i64,
    /// The local clock minus Slack's clock, if they differ by more than a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew_seconds: Option<i64>,
    /// Number of workspaces that could not be read, plus entries without an ID in Slack's list of workspaces.
    pub workspaces_failing: usize,
    /// Whether this tick recovered from its error, so that the stream was collected in spite of it.
    #[serde(skip)]
    pub recovered: bool,
}

impl StreamOutcome {
    /// Returns the outcome of a stream that is not polled, or not yet.
    pub fn initial(stream: &StreamId, state: State) -> StreamOutcome {
        StreamOutcome::of(stream.source.clone(), Some(stream.log), state)
    }

    /// Returns the outcome of a stream, or of a source, that could not be read.
    pub fn unreadable(source: SourceId, log: Option<LogType>, error: Error) -> StreamOutcome {
        let reason = Some(error.of_source(source.clone()));
        StreamOutcome { reason, ..StreamOutcome::of(source, log, State::Failing) }
    }

    fn of(source: SourceId, log: Option<LogType>, state: State) -> StreamOutcome {
        StreamOutcome {
            source,
            log,
            state,
            polled: false,
            reason: None,
            is_reason_stored: false,
            counts: TickCounts::default(),
            gaps: 0,
            lag_seconds: 0,
            clock_skew_seconds: None,
            workspaces_failing: 0,
            recovered: false,
        }
    }

    /// Returns the error of this tick.
    pub fn error(&self) -> Option<&Error> {
        self.reason.as_ref().filter(|_| !self.is_reason_stored)
    }

    /// Returns Slack's or slacktrail's error code.
    pub fn code(&self) -> Option<&str> {
        self.reason.as_ref().map(|error| error.code.as_str())
    }

    /// Returns the next action, in words for `place`.
    pub fn hint(&self, place: Place) -> Option<String> {
        self.reason.as_ref().map(|error| error.hint(place, Some(self.source.as_str())))
    }
}
