//! What was verified before a source counts as connected.

use serde::{Deserialize, Serialize};

use crate::source::{LogType, Tenant};
use crate::time::Second;

/// What was verified.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The Slack that was connected.
    pub tenant: Tenant,
    /// Whether the app is on the whole organization.
    pub organization: bool,
    /// Who installed it.
    pub user: String,
    /// The user scopes that were granted.
    pub scopes: Vec<String>,
    /// Whether its tokens rotate.
    pub rotates: bool,
    /// What each log showed.
    pub logs: Vec<Probed>,
}

/// What a log showed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// Which log.
    pub log: LogType,
    /// The time of its newest record.
    pub newest: Option<Second>,
    /// Why nothing can be said of it yet, where the reason will pass or is of one workspace alone.
    pub note: Option<String>,
}

impl Probed {
    /// A log of which nothing can be said yet, and why.
    pub(super) fn not_yet(log: LogType, why: String) -> Probed {
        Probed { log, newest: None, note: Some(why) }
    }

    /// What it showed, in words.
    pub fn words(&self) -> String {
        match (&self.note, self.newest) {
            (Some(note), _) => format!("not verified yet: {note}"),
            (None, Some(newest)) => format!("readable, newest record {newest}"),
            (None, None) => "readable, no record yet".to_owned(),
        }
    }
}
