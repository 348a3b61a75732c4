//! The starting points where the search begins.

use slacktrail_core::source::LogType;
use slacktrail_simulator::settings::Fill;

use super::scenario::Scenario;
use super::slacks::Slack;

/// Where the search begins: a log, a scenario, a Slack.
#[derive(Clone, Debug)]
pub struct StartingPoint {
    /// Which log is collected.
    pub log: LogType,
    /// What has happened.
    pub scenario: Scenario,
    /// How Slack behaves.
    pub slack: Slack,
    /// Whether the process that has lived it is still there, with its memory.
    pub warm: bool,
}

impl StartingPoint {
    /// The name, as in `audit/live/plain/warm`.
    pub fn name(&self) -> String {
        let memory = if self.warm { "warm" } else { "cold" };
        format!("{}/{}/{}/{memory}", self.log, self.scenario.name, self.slack.name)
    }

    pub(super) fn calls_max(&self) -> Option<u32> {
        // These two begin at the head at every tick, a few pages deep, before they go on where they were.
        let least = match self.log {
            LogType::Audit => 1,
            LogType::Access | LogType::Integration if self.slack.organization => 10,
            LogType::Access => 4,
            LogType::Integration => 8,
        };
        self.scenario.calls_max.map(|calls| calls.max(least))
    }

    /// Rows that are more than a tick's few calls can collect, in pages of three.
    pub(super) fn many(&self) -> u32 {
        match self.log {
            LogType::Audit => 9,
            LogType::Access | LogType::Integration if self.slack.organization => 50,
            LogType::Access => 20,
            LogType::Integration => 40,
        }
    }

    /// Whether live records come with the next tick: not where Slack may answer all of its few calls with empty pages.
    pub(super) fn is_prompt(&self) -> bool {
        self.scenario.calls_max.is_none() || self.slack.settings.audit_fill != Fill::Varying
    }
}
