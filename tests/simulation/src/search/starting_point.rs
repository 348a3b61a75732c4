//! The starting points of the search.

use slacktrail_core::source::LogType;
use slacktrail_simulator::settings::Fill;

use super::scenario::Scenario;
use super::slacks::Slack;

/// A starting point: a log, a scenario, a Slack, and a warm or cold process.
#[derive(Clone, Debug)]
pub struct StartingPoint {
    /// The collected log.
    pub log: LogType,
    /// The events so far.
    pub scenario: Scenario,
    /// Slack's behavior.
    pub slack: Slack,
    /// Whether the process that ran the scenario continues, with its cache.
    pub warm: bool,
}

impl StartingPoint {
    /// Returns the name, such as `audit/live/plain/warm`.
    pub fn name(&self) -> String {
        let process = if self.warm { "warm" } else { "cold" };
        format!("{}/{}/{}/{process}", self.log, self.scenario.name, self.slack.name)
    }

    pub(super) fn calls_max(&self) -> Option<u32> {
        // Access and integration walks start with the newest pages in each tick, before they continue where they stopped.
        let least = match self.log {
            LogType::Audit => 1,
            LogType::Access | LogType::Integration if self.slack.organization => 10,
            LogType::Access => 4,
            LogType::Integration => 8,
        };
        self.scenario.calls_max.map(|calls| calls.max(least))
    }

    /// Returns a number of rows that needs more than one tick with few calls, in pages of three rows.
    pub(super) fn many(&self) -> u32 {
        match self.log {
            LogType::Audit => 9,
            LogType::Access | LogType::Integration if self.slack.organization => 50,
            LogType::Access => 20,
            LogType::Integration => 40,
        }
    }

    /// Returns `true` if the next tick stores live records. It may not if Slack can answer each of its few calls with an empty page.
    pub(super) fn is_prompt(&self) -> bool {
        self.scenario.calls_max.is_none() || self.slack.settings.audit_fill != Fill::Varying
    }
}
