//! How each log is walked: which page to ask for next, which of its rows are wanted, and when the walk has come to its end.
//!
//! Pure: a walk is data in the cursor, and a page moves it on. What a walk must remember only while one tick lasts is in
//! [`Sight`]; losing that costs reading a page again.

mod access;
mod audit;
mod integration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use access::{AccessWalk, Column};
pub use audit::AuditWalk;
pub use integration::{IntegrationWalk, WorkspaceState};

use crate::cursor::{Gap, GapKind};
use crate::record::{Record, RowId};
use crate::slack::{Page, Request};
use crate::source::LogType;
use crate::time::Second;

/// How far a gap's walk has come.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Back through closed ranges of time.
    Audit(AuditWalk),
    /// Back from now, by activity.
    Access(AccessWalk),
    /// Back through numbered pages, workspace by workspace.
    Integration(IntegrationWalk),
}

/// What a walk remembers between the pages of one tick.
#[derive(Debug, Default)]
pub struct Sight {
    integration: integration::Carry,
}

/// A record that a walk wants, with its whole identity.
pub type Wanted<'a> = (RowId, Record<'a>);

/// What a page came to.
#[derive(Debug)]
pub struct Step<'a> {
    /// The records that belong to the gap, new or not.
    pub wanted: Vec<Wanted<'a>>,
    /// Whether the walk is at its end.
    pub done: bool,
}

impl Walk {
    /// The walk of a gap from `oldest` on.
    pub(crate) fn begin(log: LogType, oldest: Second) -> Walk {
        match log {
            LogType::Audit => Walk::Audit(AuditWalk::default()),
            LogType::Access => Walk::Access(AccessWalk::begin(oldest)),
            LogType::Integration => Walk::Integration(IntegrationWalk::default()),
        }
    }

    /// The workspace that it is at.
    pub(crate) fn workspace(&self) -> Option<&str> {
        match self {
            Walk::Integration(walk) => walk.workspace.as_deref(),
            Walk::Audit(_) | Walk::Access(_) => None,
        }
    }
}

impl Gap {
    /// Whether a page of it was stored.
    pub(crate) fn is_under_way(&self) -> bool {
        match &self.walk {
            Walk::Audit(walk) => walk.page_cursor.is_some(),
            Walk::Access(walk) => walk.pages > 0 || walk.stop != self.oldest, // in its first pass, or beyond
            Walk::Integration(walk) => walk.page > 1 || walk.workspace.is_some(),
        }
    }

    /// The page to ask for next.
    pub(crate) fn request(&self, sight: &Sight) -> Request {
        match &self.walk {
            Walk::Audit(walk) => Request::audit_logs(self.oldest, self.end(), walk.page_cursor.as_deref()),
            Walk::Access(walk) => Request::access_logs(walk.page_cursor.as_deref()),
            Walk::Integration(walk) => {
                Request::integration_logs(sight.integration.ask(walk), walk.workspace.as_deref())
            }
        }
    }

    /// Moves on by a page. `sorted_by`: what access logs are known to be sorted by.
    pub(crate) fn take_page<'a>(
        &mut self,
        sorted_by: &mut Option<Column>,
        sight: &mut Sight,
        page: &Page<'a>,
        workspace: Option<&'a str>,
    ) -> Step<'a> {
        let range = self.oldest..=self.end();
        match &mut self.walk {
            Walk::Audit(walk) => {
                let step = walk.take_page(range, page);
                self.latest = step.1.unwrap_or(self.latest);
                step.0
            }
            Walk::Access(walk) => {
                let mut step = walk.take_page(self.oldest, sorted_by, page);
                if self.kind == GapKind::Backfill {
                    // It comes by all that was first seen since, which nobody has asked for.
                    step.wanted.retain(|(_, record)| record.time.is_none_or(|time| time <= self.latest));
                }
                step
            }
            Walk::Integration(walk) => {
                walk.take_page(walk.reach(self.oldest)..=self.latest, &mut sight.integration, page, workspace)
            }
        }
    }

    /// Starts again because Slack refused the page cursor: audit at the oldest stored second, access at now.
    pub(crate) fn restart(&mut self, sight: &mut Sight) {
        match &mut self.walk {
            Walk::Audit(walk) => *walk = AuditWalk::default(),
            Walk::Access(walk) => walk.restart(),
            Walk::Integration(walk) => (walk.page, walk.oldest_first) = (0, false),
        }
        *sight = Sight::default();
    }
}

fn records<'a>(log: LogType, rows: &[&'a RawValue], workspace: Option<&'a str>) -> Vec<Record<'a>> {
    rows.iter().map(|row| Record::read(log, workspace, row)).collect()
}
