//! How a stream is doing: its state, why, and what to do. Recorded when it changes, not at every tick.

use serde::{Deserialize, Serialize};

use crate::source::Source;
use crate::time::Second;
use crate::trouble::{Remedy, Trouble};

/// What a stream is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All that Slack shows is stored.
    #[default]
    Ok,
    /// A backlog drains; live records arrive all the same.
    CatchingUp,
    /// Slack or AWS could not answer; the next tick tries again.
    Waiting,
    /// The token is refused: connect the source again.
    Reauthorize,
    /// A setting is wrong, in Slack or in AWS.
    Reconfigure,
    /// Somebody must look.
    Failing,
    /// Somebody has paused the source.
    Paused,
}

impl State {
    /// The word for it in commands and logs.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::CatchingUp => "catching_up",
            State::Waiting => "waiting",
            State::Reauthorize => "reauthorize",
            State::Reconfigure => "reconfigure",
            State::Failing => "failing",
            State::Paused => "paused",
        }
    }
}

/// A stream's recorded health.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// What it is doing.
    pub state: State,
    /// Slack's error code or ours, while there is a trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened and what to do, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Since when it has been so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Second>,
    /// When a tick last went without trouble. Saved with the heartbeat, so up to 15 minutes behind on a quiet stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Second>,
    /// The time of the newest record that was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_record: Option<Second>,
}

/// Slack's and the network's troubles pass; one that stays this long needs somebody's eyes.
const WAITING_MAX_SECONDS: i64 = 900;
/// A refused token or a wrong setting is tried again this often, not each minute.
const SLOW_RETRY_SECONDS: i64 = 900;

impl Health {
    /// Takes in how a tick went. Returns whether anything changed that must be recorded.
    pub(crate) fn note(&mut self, trouble: Option<&Trouble>, behind: bool, now: Second) -> bool {
        let state = match trouble.map(|trouble| trouble.remedy) {
            None if behind => State::CatchingUp,
            None => State::Ok,
            Some(Remedy::TryLater) if self.has_waited_too_long(now) => State::Failing,
            Some(Remedy::TryLater) => State::Waiting,
            Some(Remedy::Reauthorize) => State::Reauthorize,
            Some(Remedy::Reconfigure) => State::Reconfigure,
            Some(Remedy::Investigate) => State::Failing,
        };
        if trouble.is_none() {
            self.last_success = Some(now);
        }
        let code = trouble.map(|trouble| trouble.code.clone());
        let changed = (state, &code) != (self.state, &self.code);
        if changed {
            // A trouble that merely became a lasting one is the same trouble, since the same time.
            if !(state == State::Failing && self.state == State::Waiting && code == self.code) {
                self.since = Some(now);
            }
            self.state = state;
            self.code = code;
            self.remedy = trouble.map(|trouble| format!("{}; {}", trouble.message, trouble.hint));
        }
        changed
    }

    fn has_waited_too_long(&self, now: Second) -> bool {
        match self.state {
            State::Waiting => self.since.is_some_and(|since| now.since(since) > WAITING_MAX_SECONDS),
            state => state == State::Failing,
        }
    }

    /// How long to leave Slack alone after this trouble, beyond what Slack asks for.
    pub(crate) fn pause_seconds(trouble: &Trouble) -> Option<i64> {
        let slow = trouble.side == crate::trouble::Side::Slack
            && matches!(trouble.remedy, Remedy::Reauthorize | Remedy::Reconfigure);
        trouble.retry_after_seconds.or(slow.then_some(SLOW_RETRY_SECONDS))
    }

    /// Whether the source was connected again after this trouble began.
    pub(crate) fn is_outdated_by(&self, source: &Source) -> bool {
        matches!(self.state, State::Reauthorize | State::Reconfigure)
            && self.since.is_some_and(|since| source.connected_at >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_trouble_that_stays_becomes_failing_and_success_clears_it() {
        let second = |s| Second::new(s).unwrap();
        let trouble = Trouble::slack(Remedy::TryLater, "http_500", "Slack answered 500", "wait");
        let mut health = Health::default();
        assert!(health.note(Some(&trouble), false, second(100)));
        assert_eq!((health.state, health.since), (State::Waiting, Some(second(100))));
        assert!(!health.note(Some(&trouble), false, second(160)));
        assert!(health.note(Some(&trouble), false, second(1001)));
        assert_eq!((health.state, health.since), (State::Failing, Some(second(100))));
        assert!(!health.note(Some(&trouble), false, second(1060)));
        assert!(health.note(None, false, second(1120)));
        assert_eq!((health.state, health.code.as_deref(), health.last_success), (State::Ok, None, Some(second(1120))));
    }
}
