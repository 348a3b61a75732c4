//! How each log is walked: which page to ask for next, which of its rows are wanted, and when the walk has come to its end.
//!
//! Pure: a walk is data in the cursor, and a page moves it on. What a walk must remember only while one tick lasts is in
//! [`PageContext`]; losing that costs reading a page again.

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

/// What a walk needs to know of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// Its identity. Of an integration row: without its occurrence number, which only a walk knows.
    pub id: RowId,
    /// Its own time.
    pub time: Option<Second>,
    /// Access rows: when the combination was last active, which moves.
    pub last_active: Option<Second>,
}

impl Row {
    /// What a walk needs to know of this record.
    pub fn of(record: &Record<'_>) -> Row {
        Row { id: record.id, time: record.time, last_active: record.last_active }
    }
}

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
pub struct PageContext {
    integration: integration::BoundaryState,
    access: access::NumberedPages,
    /// Whether the walk advances.
    pub progress: Progress,
}

/// A row that a walk wants: its place among the rows that were given, and its whole identity.
pub type MatchedRecord = (usize, RowId);

/// What a page came to.
#[derive(Debug)]
pub struct PageOutcome {
    /// The rows that belong to the gap, new or not.
    pub matched: Vec<MatchedRecord>,
    /// Whether the walk is at its end.
    pub done: bool,
    /// Whether the page was one of the walk's, rather than a look at where it is to go on.
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

/// What is known of a page while its rows arrive.
#[derive(Debug, Default)]
pub struct PageSoFar {
    audit: audit::AuditPage,
    access: access::AccessPage,
    reach: progress::Reach,
}

impl Walk {
    /// The walk of a gap from `oldest` on.
    pub fn begin(log: LogType, oldest: Second) -> Walk {
        match log {
            LogType::Audit => Walk::Audit(AuditWalk::default()),
            LogType::Access => Walk::Access(AccessWalk::begin(oldest)),
            LogType::Integration => Walk::Integration(IntegrationWalk::default()),
        }
    }

    /// The workspace that it is at.
    pub fn workspace(&self) -> Option<&str> {
        match self {
            Walk::Integration(walk) => walk.workspace.as_deref(),
            Walk::Access(walk) => walk.workspace.as_deref(),
            Walk::Audit(_) => None,
        }
    }

    /// Whether Slack shows old rows first, so that the walk goes from the last page to the first.
    pub fn is_oldest_first(&self) -> bool {
        matches!(self, Walk::Integration(walk) if walk.oldest_first)
    }

    /// Since when the workspace that it is at was not read, if it could not be.
    pub fn uncollected_since(&self) -> Option<Second> {
        match self {
            Walk::Integration(walk) => walk.uncollected_since,
            Walk::Access(walk) => walk.uncollected_since,
            Walk::Audit(_) => None,
        }
    }

    /// Returns `true` if the page that is asked for next has been there before.
    pub fn asks_again(&self, context: &PageContext) -> bool {
        matches!(self, Walk::Integration(walk) if walk.asks_again(&context.integration))
    }

    /// Goes on to another workspace, from its first page, in a gap that begins at `oldest`.
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
    /// Whether a page of it was stored.
    pub fn is_under_way(&self) -> bool {
        match &self.walk {
            Walk::Audit(walk) => walk.page_cursor.is_some(),
            // In its first pass, or beyond.
            Walk::Access(walk) => walk.pages > 0 || walk.stop != self.oldest || walk.workspace.is_some(),
            Walk::Integration(walk) => walk.page > 1 || walk.workspace.is_some(),
        }
    }

    /// How many rows each of its pages has, if they have numbers and one has been read.
    pub fn page_rows(&self) -> Option<u32> {
        match &self.walk {
            Walk::Audit(_) => None,
            Walk::Access(walk) => walk.numbered.map(|(_, rows)| rows),
            Walk::Integration(walk) => walk.page_rows,
        }
    }

    /// The page to ask for next, and how many rows it is asked for: `page_rows`, unless page numbers hold it to an earlier size.
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

    /// How far back its walk goes.
    pub fn reach(&self) -> Second {
        match &self.walk {
            Walk::Audit(_) => self.oldest,
            Walk::Access(walk) => walk.reach(self.oldest),
            Walk::Integration(walk) => walk.reach(self.oldest),
        }
    }

    /// Whether a page's rows can be told apart only once all of them are there.
    pub fn processes_whole_pages(&self) -> bool {
        matches!(self.walk, Walk::Integration(_))
    }

    /// Takes in the next rows of a page, and returns those that are wanted. Not for pages that are taken whole.
    pub fn process_rows(&self, page: &mut PageSoFar, rows: &[Row]) -> Vec<MatchedRecord> {
        page.reach.process_rows(rows, self.reach());
        match &self.walk {
            Walk::Audit(_) => page.audit.process_rows(&(self.oldest..=self.end()), rows),
            Walk::Access(walk) => {
                let mut matched = page.access.process_rows(walk.reach(self.oldest), rows);
                if self.kind == GapKind::Backfill {
                    // It comes by all that was first seen since, which nobody has asked for.
                    matched.retain(|(index, _)| rows[*index].time.is_none_or(|time| time <= self.latest));
                }
                matched
            }
            Walk::Integration(_) => Vec::new(),
        }
    }

    /// Takes in the last rows of a page and what it says of itself, and moves on. `sorted_by`: what access logs are known to be sorted by.
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
                    self.depth = Depth::default(); // another pass goes less far back
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

    /// Goes on to another workspace, from its first page.
    pub fn enter(&mut self, workspace: String, uncollected_since: Option<Second>) {
        self.walk.enter(workspace, uncollected_since, self.oldest);
        self.depth = Depth::default();
    }

    /// Begins its walk anew.
    pub fn begin(&mut self, log: LogType) {
        (self.walk, self.depth) = (Walk::begin(log, self.oldest), Depth::default());
    }

    /// Starts again because Slack refused the page cursor: audit at the oldest stored second, access at now.
    pub fn restart(&mut self, context: &mut PageContext) {
        match &mut self.walk {
            Walk::Audit(walk) => *walk = AuditWalk::default(),
            Walk::Access(walk) => walk.restart(),
            Walk::Integration(walk) => walk.restart(),
        }
        context.integration = integration::BoundaryState::default();
        context.progress.restart();
    }

    /// Starts again where pages of another size have other numbers.
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
        assert!(access(AccessWalk { stop: second(15), ..begun.clone() }).is_under_way(), "in its second pass");
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
        assert_eq!(walk.stop, second(4), "its first pass reaches as far");
    }

    #[test]
    fn walk_from_last_page_does_not_count_depth_of_first_page() {
        let mut gap = integration(IntegrationWalk::default());
        let paging = crate::slack::Paging { pages: 9, total: Some(18), count: 2 };
        let end = PageEnd { next: None, paging: Some(paging), made_after: Second::EPOCH };
        let page = |number: i64| [2 * number, 2 * number + 1];
        // Each tick reads the stored page again, and the next one.
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
        assert_eq!(changed(access(begun.clone())), 3, "a page cursor bears another size");
        assert_eq!(changed(access(AccessWalk { numbered: Some((4, 100)), ..begun })), 0);
        assert_eq!(changed(integration(IntegrationWalk { page: 3, ..IntegrationWalk::default() })), 0);
    }
}
