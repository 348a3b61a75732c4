//! The states of a stream, and what each means for collection.

use serde::{Deserialize, Serialize};

/// The state of a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything that Slack returns is stored.
    #[default]
    Ok,
    /// A backlog remains. New records arrive as usual.
    CatchingUp,
    /// A transient error occurred. The next tick tries again.
    Waiting,
    /// Slack rejected the token. The source must be reconnected.
    Reauthorize,
    /// A setting in Slack or in AWS is wrong.
    Reconfigure,
    /// An error persists, or its cause must be investigated.
    Failing,
    /// The source is paused.
    Paused,
    /// No error occurred, but Slack has returned no record for too long.
    Silent,
}

impl State {
    /// All states, in the order of a summary.
    pub const ALL: [State; 8] = [
        State::Ok,
        State::CatchingUp,
        State::Waiting,
        State::Reauthorize,
        State::Reconfigure,
        State::Failing,
        State::Paused,
        State::Silent,
    ];

    /// Returns the name of the state in commands and logs.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::CatchingUp => "catching_up",
            State::Waiting => "waiting",
            State::Reauthorize => "reauthorize",
            State::Reconfigure => "reconfigure",
            State::Failing => "failing",
            State::Paused => "paused",
            State::Silent => "silent",
        }
    }

    /// Returns what the state means for collection.
    pub fn class(self) -> Class {
        match self {
            State::Ok | State::Silent => Class::Current,
            State::CatchingUp => Class::Behind,
            State::Waiting => Class::Retrying,
            State::Reauthorize | State::Reconfigure | State::Failing => Class::Stopped,
            State::Paused => Class::Paused,
        }
    }
}

/// What a state means for collection. Alarms, log levels, exit codes and colors follow from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Everything that Slack returns is stored.
    Current,
    /// A backlog remains.
    Behind,
    /// A transient error occurred, and the next tick tries again.
    Retrying,
    /// An error requires action, or a transient error persists. Collection may have stopped.
    Stopped,
    /// A user paused the source.
    Paused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_name_is_its_stored_form() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
