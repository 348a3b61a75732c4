//! How states of streams are shown: severity, labels and colors.

use slacktrail_core::health::{Class, State};

use crate::cli_error::Level;

/// Returns `true` if the state persists until a user acts. A code in a healthy state belongs to workspaces that cannot be read, while all others
/// are collected.
pub(crate) fn requires_action(state: State, code: Option<&str>) -> bool {
    match state.class() {
        Class::Stopped => true,
        Class::Current | Class::Behind => state == State::Silent || code.is_some(),
        Class::Retrying | Class::Paused => false,
    }
}

/// Returns the severity of an error of a stream in this state.
pub(crate) fn level(state: State) -> Level {
    if state.class() == Class::Stopped { Level::Error } else { Level::Warning }
}

/// Returns the label of a state, for example `catching up`.
pub(crate) fn label(state: State) -> String {
    state.name().replace('_', " ")
}

/// Returns the ANSI color of a state: green, cyan, yellow, red, or gray for a paused stream.
pub(crate) fn color(state: State) -> u8 {
    match state.class() {
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
