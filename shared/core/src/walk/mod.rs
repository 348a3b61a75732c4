//! Walks: which page to request next, which of its rows belong to the gap, and when the gap is complete.
//!
//! A walk is pure data. The cursor stores it with its gap, and each page moves it forward. [`PageContext`] holds what a walk needs only
//! within one batch. If it is lost, the next batch or tick reads a page again.
//!
//! Slack pages each log differently, so each log type has its own walk:
//! - [`AuditWalk`]: a time filter and page cursors.
//! - [`AccessWalk`]: no time filter, and rows that move during the walk, so it needs several passes.
//! - [`IntegrationWalk`]: no time filter, numbered pages, and rows without an ID.

mod access;
mod audit;
mod gap;
mod integration;
mod progress;

use serde::{Deserialize, Serialize};

pub use access::AccessWalk;
pub use audit::AuditWalk;
pub use gap::{Gap, GapKind};
pub use integration::IntegrationWalk;
pub use progress::{Depth, Progress};

use crate::record::{Record, RowId};
use crate::source::LogType;
use crate::time::Second;

/// The parts of a row that a walk needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The record ID. The ID of an integration row lacks the ordinal among equal rows, which the walk adds.
    pub id: RowId,
    /// The time of the record.
    pub time: Option<Second>,
    /// When the user was last active (`date_last`). Only access rows have it, and it changes.
    pub last_active: Option<Second>,
}

impl Row {
    /// Returns the parts of `record` that a walk needs.
    pub fn of(record: &Record<'_>) -> Row {
        Row { id: record.id, time: record.time, last_active: record.last_active }
    }
}

/// The position of a gap's walk.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Reads a closed time range, newest first.
    Audit(AuditWalk),
    /// Reads from now back, by the column that Slack sorts by.
    Access(AccessWalk),
    /// Reads numbered pages.
    Integration(IntegrationWalk),
}

impl Walk {
    /// Returns the log that the walk reads.
    pub(crate) fn log(&self) -> LogType {
        match self {
            Walk::Audit(_) => LogType::Audit,
            Walk::Access(_) => LogType::Access,
            Walk::Integration(_) => LogType::Integration,
        }
    }
}

/// The state of a walk between the pages of one batch. A tick may store several batches.
#[derive(Debug, Default)]
pub struct PageContext {
    integration: integration::BoundaryState,
    access: access::NumberedPages,
    /// The page that Slack has just answered does not exist. It is requested again, to confirm that the log ends before it.
    pub(crate) missing_page: Option<u32>,
    /// Whether the walk advances.
    pub progress: Progress,
}

/// A row that belongs to the gap: its index among the given rows, and its complete record ID.
pub type MatchedRecord = (usize, RowId);

/// The result of processing a page.
#[derive(Debug)]
pub struct PageOutcome {
    /// The rows that belong to the gap, stored or not.
    pub matched: Vec<MatchedRecord>,
    /// Whether the walk is complete.
    pub done: bool,
    /// Whether the page counts for the walk. A page that only shows where to continue does not count.
    taken: bool,
}

impl PageOutcome {
    fn of(matched: Vec<MatchedRecord>, done: bool) -> PageOutcome {
        PageOutcome { matched, done, taken: true }
    }

    fn nothing_yet() -> PageOutcome {
        PageOutcome { matched: Vec::new(), done: false, taken: false }
    }
}

/// The state of a page while its rows arrive.
#[derive(Debug, Default)]
pub struct PageSoFar {
    audit: audit::AuditPage,
    access: access::AccessPage,
    oldest_times: progress::OldestTimes,
    /// The last second that is collected from access logs, which have no time filter.
    until: Option<Second>,
}

impl PageSoFar {
    /// Creates the state of a page of whose rows only those up to `until` are collected, even if Slack already shows later ones.
    pub fn until(until: Second) -> PageSoFar {
        PageSoFar { until: Some(until), ..PageSoFar::default() }
    }
}

impl Walk {
    /// Starts the walk of a gap that begins at `oldest`.
    pub fn begin(log: LogType, oldest: Second) -> Walk {
        match log {
            LogType::Audit => Walk::Audit(AuditWalk::default()),
            LogType::Access => Walk::Access(AccessWalk::begin(oldest)),
            LogType::Integration => Walk::Integration(IntegrationWalk::default()),
        }
    }

    /// Returns `true` if the log lists the oldest rows first, so that the walk goes from the last page to the first.
    pub fn is_oldest_first(&self) -> bool {
        matches!(self, Walk::Integration(walk) if walk.oldest_first)
    }

    /// Returns `true` if the next page to request existed before.
    pub fn asks_again(&self, context: &PageContext) -> bool {
        matches!(self, Walk::Integration(walk) if walk.asks_again(&context.integration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::PageFields;
    use crate::workspaces::WorkspacePosition;

    fn second(seconds: i64) -> Second {
        Second::EPOCH.plus(seconds)
    }

    fn gap(log: LogType) -> Gap {
        Gap::unwalked(log, GapKind::Live, second(10), second(20))
    }

    fn audit(walk: AuditWalk) -> Gap {
        Gap { walk: Walk::Audit(walk), ..gap(LogType::Audit) }
    }

    fn access(walk: AccessWalk) -> Gap {
        Gap { walk: Walk::Access(walk), ..gap(LogType::Access) }
    }

    fn integration(walk: IntegrationWalk) -> Gap {
        Gap { walk: Walk::Integration(walk), ..gap(LogType::Integration) }
    }

    #[test]
    fn gap_is_in_progress_once_page_is_stored_or_workspace_entered() {
        for log in LogType::ALL {
            assert!(!gap(log).is_in_progress(), "{log}");
        }
        let started = AccessWalk::begin(second(10));
        assert!(audit(AuditWalk { page_cursor: Some("c".to_owned()), ..AuditWalk::default() }).is_in_progress());
        assert!(access(AccessWalk { pages: 1, ..started.clone() }).is_in_progress());
        assert!(access(AccessWalk { stop: second(15), ..started.clone() }).is_in_progress(), "second pass");
        let workspace = Some(WorkspacePosition { id: "T1".to_owned(), missing_since: None });
        assert!(Gap { workspace: workspace.clone(), ..access(started) }.is_in_progress());
        assert!(!integration(IntegrationWalk { page: 1, ..IntegrationWalk::default() }).is_in_progress());
        assert!(integration(IntegrationWalk { page: 2, ..IntegrationWalk::default() }).is_in_progress());
        assert!(Gap { workspace, ..integration(IntegrationWalk::default()) }.is_in_progress());
    }

    #[test]
    fn only_integration_pages_are_buffered_and_may_be_oldest_first() {
        let whole_pages = LogType::ALL.map(|log| gap(log).processes_whole_pages());
        assert_eq!(LogType::ALL, [LogType::Audit, LogType::Access, LogType::Integration]);
        assert_eq!(whole_pages, [false, false, true]);
        let oldest_first = |oldest_first| IntegrationWalk { oldest_first, ..IntegrationWalk::default() };
        assert!(!gap(LogType::Access).walk.is_oldest_first());
        assert_eq!([false, true].map(|is| Walk::Integration(oldest_first(is)).is_oldest_first()), [false, true]);
    }

    #[test]
    fn resumed_walk_requests_stored_page_again() {
        let asks_again = |page| {
            Walk::Integration(IntegrationWalk { page, ..IntegrationWalk::default() })
                .asks_again(&PageContext::default())
        };
        assert_eq!([0, 1, 3].map(asks_again), [false, true, true]);
        assert!(!gap(LogType::Audit).walk.asks_again(&PageContext::default()));
    }

    #[test]
    fn workspace_walk_starts_at_first_page_and_covers_missing_time() {
        let entered = |log, missing_since: Option<i64>| {
            let mut gap = gap(log);
            let missing_since = missing_since.map(second);
            gap.enter(log, Some(WorkspacePosition { id: "T2".to_owned(), missing_since }));
            assert_eq!(gap.oldest_wanted(), missing_since.map_or(second(10), |from| from.min(second(10))));
            assert_eq!(gap.workspace_id(), Some("T2"));
            gap
        };
        for log in [LogType::Access, LogType::Integration] {
            for missing_since in [None, Some(4), Some(12)] {
                entered(log, missing_since);
            }
        }
        let mut gap = entered(LogType::Access, Some(4));
        gap.restart(&mut PageContext::default());
        assert_eq!(gap.workspace_id(), Some("T2"), "a restarted walk stays in its workspace");
        let Walk::Access(walk) = gap.walk else { panic!("another walk") };
        assert_eq!(walk.stop, second(4), "the first pass goes as far back");
    }

    #[test]
    fn walk_from_last_page_does_not_count_depth_of_first_page() {
        let mut gap = integration(IntegrationWalk::default());
        let paging = crate::slack::Paging { pages: 9, total: Some(18), count: 2 };
        let end = PageFields { next: None, paging: Some(paging), made_after: Second::EPOCH };
        let page = |number: i64| [2 * number, 2 * number + 1];
        // Each tick reads the stored page again, and then the next one.
        for numbers in [[1, 9], [9, 8], [8, 7], [7, 6], [6, 5], [5, 4], [4, 3]] {
            let mut context = PageContext::default();
            for number in numbers {
                let row = |time: i64| Row { id: RowId([time as u8; 16]), time: Some(second(time)), last_active: None };
                gap.advance(&mut false, &mut context, PageSoFar::default(), (&page(number).map(row), 2), &end);
                context.progress.count_page();
            }
            gap.depth.add_progress(&context.progress);
            assert_eq!(gap.depth.deepest.time, Some(second(2 * numbers[1]).max(gap.oldest)));
        }
    }

    #[test]
    fn numbered_pages_of_other_size_restart_walk() {
        let page = |gap: &Gap| match &gap.walk {
            Walk::Audit(walk) => u32::from(walk.page_cursor.is_some()),
            Walk::Access(walk) => walk.pages,
            Walk::Integration(walk) => walk.page,
        };
        let changed = |mut gap: Gap| {
            gap.change_page_size(&mut PageContext::default());
            page(&gap)
        };
        let started = AccessWalk { pages: 3, ..AccessWalk::begin(second(10)) };
        assert_eq!(changed(audit(AuditWalk { page_cursor: Some("c".to_owned()), ..AuditWalk::default() })), 1);
        assert_eq!(changed(access(started.clone())), 3, "page cursors are valid for any page size");
        assert_eq!(changed(access(AccessWalk { numbered: Some((4, 100)), ..started })), 0);
        assert_eq!(changed(integration(IntegrationWalk { page: 3, ..IntegrationWalk::default() })), 0);
    }
}
