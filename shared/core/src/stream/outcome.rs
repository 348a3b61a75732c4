//! The outcome of one stream's tick. The poller's response, its log lines and the CLI's tables are made from it.

use serde::Serialize;

use crate::counts::TickCounts;
use crate::error::Error;
use crate::health::State;
use crate::hints::Place;
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
    /// The reason for the state.
    #[serde(flatten)]
    pub problem: Option<Problem>,
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

/// The reason for a state that is not healthy.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Problem {
    /// An error of this tick.
    Error(Error),
    /// The stored reason, if this tick met no error or did not poll the stream.
    Stored(Error),
}

impl StreamOutcome {
    /// Returns the outcome of a stream that was not polled.
    pub fn skipped(stream: &StreamId, state: State) -> StreamOutcome {
        StreamOutcome::of(stream.source.clone(), Some(stream.log), state)
    }

    /// Returns the outcome of a stream, or of a source, that could not be read.
    pub fn unreadable(source: SourceId, log: Option<LogType>, error: Error) -> StreamOutcome {
        let problem = Some(Problem::Error(error.of_source(source.clone())));
        StreamOutcome { problem, ..StreamOutcome::of(source, log, State::Failing) }
    }

    fn of(source: SourceId, log: Option<LogType>, state: State) -> StreamOutcome {
        StreamOutcome {
            source,
            log,
            state,
            polled: false,
            problem: None,
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
        match self.problem.as_ref()? {
            Problem::Error(error) => Some(error),
            Problem::Stored(_) => None,
        }
    }

    /// Returns the reason for the state: an error of this tick, or the stored one.
    pub fn reason(&self) -> Option<&Error> {
        self.problem.as_ref().map(|(Problem::Error(error) | Problem::Stored(error))| error)
    }

    /// Returns Slack's or slacktrail's error code.
    pub fn code(&self) -> Option<&str> {
        self.reason().map(|error| error.code.as_str())
    }

    /// Returns the next action, in words for `place`.
    pub fn hint(&self, place: Place) -> Option<String> {
        self.reason().map(|error| error.hint(place, Some(self.source.as_str())))
    }
}
