//! Classifies the states of a stream, in one place: who must act, what is collected, words and colors.

use slacktrail_core::health::State;

use crate::cli_error::Level;

/// What a state means for collection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    /// Everything that Slack returns is stored.
    Current,
    /// A backlog remains.
    Behind,
    /// A transient error occurred, and the next tick tries again.
    Retrying,
    /// Collection stopped until a user fixes the cause.
    Stopped,
    /// A user paused the source.
    Paused,
}

/// Returns what a state means for collection.
pub(crate) fn class(state: State) -> Class {
    match state {
        State::Ok | State::Silent => Class::Current,
        State::CatchingUp => Class::Behind,
        State::Waiting => Class::Retrying,
        State::Reauthorize | State::Reconfigure | State::Failing => Class::Stopped,
        State::Paused => Class::Paused,
    }
}

/// Returns `true` if the state persists until a user acts. A code in a healthy state belongs to workspaces that cannot be read, while all others
/// are collected.
pub(crate) fn requires_action(state: State, code: Option<&str>) -> bool {
    match class(state) {
        Class::Stopped => true,
        Class::Current | Class::Behind => state == State::Silent || code.is_some(),
        Class::Retrying | Class::Paused => false,
    }
}

/// Returns the severity of an error of a stream in this state.
pub(crate) fn level(state: State) -> Level {
    if class(state) == Class::Stopped { Level::Error } else { Level::Warning }
}

/// Returns the state as words, for example `catching up`.
pub(crate) fn words(state: State) -> String {
    state.name().replace('_', " ")
}

/// Returns the ANSI color of a state: green, cyan, yellow, red, or gray for a paused stream.
pub(crate) fn color(state: State) -> u8 {
    match class(state) {
        Class::Current if state == State::Silent => 33,
        Class::Current => 32,
        Class::Behind => 36,
        Class::Retrying => 33,
        Class::Stopped => 31,
        Class::Paused => 90,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persistent_errors_require_action() {
        for state in [State::Reauthorize, State::Reconfigure, State::Failing, State::Silent] {
            assert!(requires_action(state, Some("x")), "{state:?}");
        }
        for state in [State::Ok, State::CatchingUp, State::Waiting, State::Paused] {
            assert!(!requires_action(state, None), "{state:?}");
        }
        assert!(requires_action(State::Ok, Some("x")), "a workspace that cannot be read");
        assert!(!requires_action(State::Waiting, Some("x")), "a transient error");
    }
}
