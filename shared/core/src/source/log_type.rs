//! The log types, and what differs between them: names and scopes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of Slack's three logs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogType {
    /// The Audit Logs API of the Enterprise plan: who did what.
    Audit,
    /// `team.accessLogs`: who signed in from which address and device.
    Access,
    /// `team.integrationLogs`: which apps and integrations were added, changed or removed.
    Integration,
}

impl LogType {
    /// All log types, in the order of lists.
    pub const ALL: [LogType; 3] = [LogType::Audit, LogType::Access, LogType::Integration];

    /// Returns the name of the log type in keys, tables and commands.
    pub fn name(self) -> &'static str {
        match self {
            LogType::Audit => "audit",
            LogType::Access => "access",
            LogType::Integration => "integration",
        }
    }

    /// Returns the value of `p_log_type`, which follows the Panther SIEM's convention.
    pub fn panther_log_type(self) -> &'static str {
        match self {
            LogType::Audit => "Slack.AuditLogs",
            LogType::Access => "Slack.AccessLogs",
            LogType::Integration => "Slack.IntegrationLogs",
        }
    }

    /// Returns `true` if active users create records regularly, so that their absence means something. Apps are added and removed weeks apart.
    pub fn expects_regular_traffic(self) -> bool {
        match self {
            LogType::Audit | LogType::Access => true,
            LogType::Integration => false,
        }
    }

    /// Returns the user scope that reads the log.
    pub fn user_scope(self) -> &'static str {
        if self == LogType::Audit { "auditlogs:read" } else { "admin" }
    }

    /// Returns `true` if one of `logs` requires a token of an organization, which only its Org Owner can grant.
    pub fn require_organization(logs: &[LogType]) -> bool {
        logs.contains(&LogType::Audit)
    }
}

impl fmt::Display for LogType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LogType {
    type Err = String;
    fn from_str(text: &str) -> Result<LogType, String> {
        LogType::ALL
            .into_iter()
            .find(|log| log.name() == text)
            .ok_or_else(|| format!("`{text}` is not a log type: use audit, access or integration"))
    }
}
