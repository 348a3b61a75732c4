//! The result of verifying a source before it counts as connected.

use serde::{Deserialize, Serialize};
use slacktrail_core::source::{LogType, Tenant};
use slacktrail_core::time::Second;

/// The result of verifying a source.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConnectReport {
    /// The connected workspace or organization.
    pub tenant: Tenant,
    /// Whether the app is on the whole organization.
    pub organization: bool,
    /// The ID of the user who installed the app.
    pub user: String,
    /// The user scopes that were granted.
    pub scopes: Vec<String>,
    /// Whether the app uses token rotation.
    pub rotates: bool,
    /// The probe of each log.
    pub logs: Vec<LogProbe>,
}

/// The result of a test read of a log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LogProbe {
    /// The log type.
    pub log: LogType,
    /// The time of the newest record.
    pub newest: Option<Second>,
    /// The reason why the log is not verified yet: a transient error, or an error of one workspace only.
    pub note: Option<String>,
    /// Whether the log is not readable because the app is on no workspace of the organization yet. The user who installed it can change this.
    #[serde(default)]
    pub needs_workspace: bool,
}

#[cfg(test)]
impl ConnectReport {
    /// Returns the report of a workspace that collects no log.
    pub(crate) fn empty() -> ConnectReport {
        ConnectReport {
            tenant: Tenant { id: "T1".to_owned(), name: "One".to_owned() },
            organization: false,
            user: "U1".to_owned(),
            scopes: Vec::new(),
            rotates: false,
            logs: Vec::new(),
        }
    }
}

impl LogProbe {
    /// Returns the probe of a log that could not be verified yet.
    pub fn not_yet(log: LogType, why: String) -> LogProbe {
        LogProbe { log, newest: None, note: Some(why), needs_workspace: false }
    }

    /// Describes the result.
    pub fn describe(&self) -> String {
        match (&self.note, self.newest) {
            (Some(note), _) => format!("not verified yet: {note}"),
            (None, Some(newest)) => format!("readable, newest record {newest}"),
            (None, None) => "readable, no record yet".to_owned(),
        }
    }
}
