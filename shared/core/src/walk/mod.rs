//! Walks: which page to request next, which of its rows belong to the gap, and when the gap is complete.
//!
//! A walk is pure data. The cursor stores it with its gap, and each page moves it forward. [`PageContext`] holds what a walk needs only within
//! one tick. If it is lost, the next tick reads a page again.
//!
//! Slack pages each log differently, so each log type has its own walk:
//! - [`AuditWalk`]: a time filter and page cursors.
//! - [`AccessWalk`]: no time filter, and rows that move during the walk, so it needs several passes.
//! - [`IntegrationWalk`]: no time filter, numbered pages, and rows without an ID.

mod access;
mod audit;
mod integration;
mod progress;

use serde::{Deserialize, Serialize};

pub use access::{AccessWalk, Column};
pub use audit::AuditWalk;
pub use integration::{IntegrationWalk, WorkspaceState};
pub use progress::{Depth, Progress};

use crate::cursor::{Gap, GapKind};
use crate::record::{Record, RowId};
use crate::slack::{PageEnd, Request};
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
    /// Reads from now back, by the time of the last activity.
    Access(AccessWalk),
    /// Reads numbered pages.
    Integration(IntegrationWalk),
}

/// The state of a walk between the pages of one tick.
#[derive(Debug, Default)]
pub struct PageContext {
    integration: integration::BoundaryState,
    access: access::NumberedPages,
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
    reach: progress::Reach,
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

    /// Returns the workspace that is being read, or `None` if the log is not read per workspace.
    pub fn workspace(&self) -> Option<&str> {
        match self {
            Walk::Integration(walk) => walk.workspace.as_deref(),
            Walk::Access(walk) => walk.workspace.as_deref(),
            Walk::Audit(_) => None,
        }
    }

    /// Returns `true` if the log lists the oldest rows first, so that the walk goes from the last page to the first.
    pub fn is_oldest_first(&self) -> bool {
        matches!(self, Walk::Integration(walk) if walk.oldest_first)
    }

    /// Returns since when the current workspace was not read, if it was unreadable before this walk.
    pub fn uncollected_since(&self) -> Option<Second> {
        match self {
            Walk::Integration(walk) => walk.uncollected_since,
            Walk::Access(walk) => walk.uncollected_since,
            Walk::Audit(_) => None,
        }
    }

    /// Returns `true` if the next page to request existed before.
    pub fn asks_again(&self, context: &PageContext) -> bool {
        matches!(self, Walk::Integration(walk) if walk.asks_again(&context.integration))
    }

    /// Moves to the first page of another workspace, in a gap that begins at `oldest`.
    fn enter(&mut self, workspace: String, uncollected_since: Option<Second>, oldest: Second) {
        let stop = uncollected_since.map_or(oldest, |from| from.min(oldest));
        match self {
            Walk::Integration(walk) => {
                *walk = IntegrationWalk { workspace: Some(workspace), uncollected_since, ..IntegrationWalk::default() };
            }
            Walk::Access(walk) => {
                *walk = AccessWalk { workspace: Some(workspace), uncollected_since, ..AccessWalk::begin(stop) };
            }
            Walk::Audit(_) => {}
        }
    }
}

impl Gap {
    /// Returns `true` if a page of the gap was stored.
    pub fn is_under_way(&self) -> bool {
        match &self.walk {
            Walk::Audit(walk) => walk.page_cursor.is_some(),
            // In the first pass and after a page, or in a later pass.
            Walk::Access(walk) => walk.pages > 0 || walk.stop != self.oldest || walk.workspace.is_some(),
            Walk::Integration(walk) => walk.page > 1 || walk.workspace.is_some(),
        }
    }

    /// Returns the number of rows per page, if pages are numbered and one was read.
    pub fn page_rows(&self) -> Option<u32> {
        match &self.walk {
            Walk::Audit(_) => None,
            Walk::Access(walk) => walk.numbered.map(|(_, rows)| rows),
            Walk::Integration(walk) => walk.page_rows,
        }
    }

    /// Returns the request for the next page, and the number of rows that it requests. That number is `page_rows`, unless earlier numbered pages
    /// had another size.
    pub fn request(&self, context: &PageContext, page_rows: u32) -> (Request, u32) {
        match &self.walk {
            Walk::Audit(walk) => {
                (Request::audit_logs(self.oldest, self.end(), page_rows, walk.page_cursor.as_deref()), page_rows)
            }
            Walk::Access(AccessWalk { numbered: Some((page, rows)), workspace, .. }) => {
                (Request::access_logs_page(*rows, *page, workspace.as_deref()), *rows)
            }
            Walk::Access(walk) => {
                (Request::access_logs(page_rows, walk.page_cursor.as_deref(), walk.workspace.as_deref()), page_rows)
            }
            Walk::Integration(walk) => {
                let rows = walk.page_rows.unwrap_or(page_rows);
                (Request::integration_logs(rows, context.integration.ask(walk), walk.workspace.as_deref()), rows)
            }
        }
    }

    /// Returns how far back the walk goes.
    pub fn reach(&self) -> Second {
        match &self.walk {
            Walk::Audit(_) => self.oldest,
            Walk::Access(walk) => walk.reach(self.oldest),
            Walk::Integration(walk) => walk.reach(self.oldest),
        }
    }

    /// Returns `true` if a page must be processed as a whole, because only all of its rows distinguish equal rows.
    pub fn processes_whole_pages(&self) -> bool {
        matches!(self.walk, Walk::Integration(_))
    }

    /// Processes the next rows of a page, and returns those that belong to the gap. Does not apply to pages that are processed as a whole.
    pub fn process_rows(&self, page: &mut PageSoFar, rows: &[Row]) -> Vec<MatchedRecord> {
        page.reach.process_rows(rows, self.reach());
        match &self.walk {
            Walk::Audit(_) => page.audit.process_rows(&(self.oldest..=self.end()), rows),
            Walk::Access(walk) => {
                let mut matched = page.access.process_rows(walk.reach(self.oldest), rows);
                if self.kind == GapKind::Backfill {
                    // The walk passes all rows first seen since the gap's end, which a backfill does not request.
                    matched.retain(|(index, _)| rows[*index].time.is_none_or(|time| time <= self.latest));
                }
                matched
            }
            Walk::Integration(_) => Vec::new(),
        }
    }

    /// Processes the last rows of a page and the fields beside the rows, and moves the walk forward.
    ///
    /// `sorted_by` is the column that access logs are sorted by, as far as known.
    pub fn end_page(
        &mut self,
        sorted_by: &mut Option<Column>,
        context: &mut PageContext,
        mut page: PageSoFar,
        (rows, page_rows): (&[Row], u32),
        end: &PageEnd,
    ) -> PageOutcome {
        let matched = self.process_rows(&mut page, rows);
        let (reach, range) = (self.reach(), self.oldest..=self.end());
        let shown = page.reach;
        let outcome = match &mut self.walk {
            Walk::Audit(walk) => {
                let (done, latest) = walk.end_page(&range, &page.audit, end);
                self.latest = latest.unwrap_or(self.latest);
                PageOutcome::of(matched, done)
            }
            Walk::Access(walk) => {
                let (pass, pages) = (walk.stop, walk.pages);
                let done = walk.end_page(sorted_by, &mut context.access, &page.access, end);
                if walk.stop != pass {
                    self.depth = Depth::default(); // a later pass goes less far back
                } else if walk.pages == 0 && pages > 0 {
                    context.progress.restart();
                }
                PageOutcome::of(matched, done)
            }
            Walk::Integration(walk) => {
                let page = walk.page;
                let outcome = walk.process_page(&(reach..=self.latest), &mut context.integration, rows, end, page_rows);
                if walk.page == 0 && page > 0 {
                    context.progress.restart();
                }
                outcome
            }
        };
        if outcome.taken {
            context.progress.come_to(shown);
        }
        outcome
    }

    /// Moves to the first page of another workspace.
    pub fn enter(&mut self, workspace: String, uncollected_since: Option<Second>) {
        self.walk.enter(workspace, uncollected_since, self.oldest);
        self.depth = Depth::default();
    }

    /// Starts the walk again, without a workspace.
    pub fn begin(&mut self, log: LogType) {
        (self.walk, self.depth) = (Walk::begin(log, self.oldest), Depth::default());
    }

    /// Restarts the walk, for example after Slack rejected its page cursor.
    ///
    /// An audit walk continues from the oldest stored second. An access walk restarts its pass from now. An integration walk restarts from the
    /// first page.
    pub fn restart(&mut self, context: &mut PageContext) {
        match &mut self.walk {
            Walk::Audit(walk) => *walk = AuditWalk::default(),
            Walk::Access(walk) => walk.restart(),
            Walk::Integration(walk) => walk.restart(),
        }
        context.integration = integration::BoundaryState::default();
        context.progress.restart();
    }

    /// Restarts the walk if its pages are numbered, because the numbers depend on the page size.
    pub fn change_page_size(&mut self, context: &mut PageContext) {
        if matches!(self.walk, Walk::Integration(_) | Walk::Access(AccessWalk { numbered: Some(_), .. })) {
            self.restart(context);
            context.progress.change_page_size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(!gap(log).is_under_way(), "{log}");
        }
        let (workspace, begun) = (Some("T1".to_owned()), AccessWalk::begin(second(10)));
        assert!(audit(AuditWalk { page_cursor: Some("c".to_owned()), ..AuditWalk::default() }).is_under_way());
        assert!(access(AccessWalk { pages: 1, ..begun.clone() }).is_under_way());
        assert!(access(AccessWalk { stop: second(15), ..begun.clone() }).is_under_way(), "second pass");
        assert!(access(AccessWalk { workspace: workspace.clone(), ..begun }).is_under_way());
        assert!(!integration(IntegrationWalk { page: 1, ..IntegrationWalk::default() }).is_under_way());
        assert!(integration(IntegrationWalk { page: 2, ..IntegrationWalk::default() }).is_under_way());
        assert!(integration(IntegrationWalk { workspace, ..IntegrationWalk::default() }).is_under_way());
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
        let entered = |log, uncollected_since: Option<i64>| {
            let mut gap = gap(log);
            gap.enter("T2".to_owned(), uncollected_since.map(second));
            assert_eq!(
                (gap.walk.workspace(), gap.walk.uncollected_since()),
                (Some("T2"), uncollected_since.map(second))
            );
            assert_eq!(gap.reach(), second(uncollected_since.map_or(10, |from| from.min(10))));
            gap.walk
        };
        for log in [LogType::Access, LogType::Integration] {
            for uncollected_since in [None, Some(4), Some(12)] {
                entered(log, uncollected_since);
            }
        }
        let Walk::Access(walk) = entered(LogType::Access, Some(4)) else { panic!("another walk") };
        assert_eq!(walk.stop, second(4), "the first pass goes as far back");
    }

    #[test]
    fn walk_from_last_page_does_not_count_depth_of_first_page() {
        let mut gap = integration(IntegrationWalk::default());
        let paging = crate::slack::Paging { pages: 9, total: Some(18), count: 2 };
        let end = PageEnd { next: None, paging: Some(paging), made_after: Second::EPOCH };
        let page = |number: i64| [2 * number, 2 * number + 1];
        // Each tick reads the stored page again, and then the next one.
        for numbers in [[1, 9], [9, 8], [8, 7], [7, 6], [6, 5], [5, 4], [4, 3]] {
            let mut context = PageContext::default();
            for number in numbers {
                let row = |time: i64| Row { id: RowId([time as u8; 16]), time: Some(second(time)), last_active: None };
                gap.end_page(&mut None, &mut context, PageSoFar::default(), (&page(number).map(row), 2), &end);
                context.progress.end_page();
            }
            gap.depth.end_tick(&context.progress);
            assert_eq!(gap.depth.oldest(), Some(second(2 * numbers[1]).max(gap.oldest)));
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
        let begun = AccessWalk { pages: 3, ..AccessWalk::begin(second(10)) };
        assert_eq!(changed(audit(AuditWalk { page_cursor: Some("c".to_owned()), ..AuditWalk::default() })), 1);
        assert_eq!(changed(access(begun.clone())), 3, "page cursors are valid for any page size");
        assert_eq!(changed(access(AccessWalk { numbered: Some((4, 100)), ..begun })), 0);
        assert_eq!(changed(integration(IntegrationWalk { page: 3, ..IntegrationWalk::default() })), 0);
    }
}
