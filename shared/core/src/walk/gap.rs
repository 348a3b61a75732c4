//! A gap: a time range that is to be collected, and the position of the walk through it.

use serde::{Deserialize, Serialize};

use super::{
    AccessWalk, AuditWalk, Depth, IntegrationWalk, MatchedRecord, PageContext, PageOutcome, PageSoFar, Row, Walk,
    integration,
};
use crate::slack::{PageFields, Request};
use crate::source::LogType;
use crate::time::Second;
use crate::workspaces::WorkspacePosition;

/// A time range that is not collected yet. Both ends are inclusive.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The reason for collecting the gap, which decides its priority.
    pub kind: GapKind,
    /// The first second.
    pub oldest: Second,
    /// The last second. While an audit gap is walked, this is the oldest second that the walk has come to.
    pub latest: Second,
    /// The workspace that the walk is in, if an organization is read workspace by workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspacePosition>,
    /// The position of the walk.
    pub walk: Walk,
    /// How far back the walk has come.
    #[serde(default, skip_serializing_if = "Depth::is_new")]
    pub depth: Depth,
    /// The first second of the gap that no completed walk has read. Only gaps that live collection opened have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncollected_since: Option<Second>,
}

/// The reason for collecting a gap, in order of priority.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The time since the previous tick.
    Live,
    /// The rest of an earlier tick, an outage, or history from before the first tick.
    Backlog,
    /// Recent time that is read again to find late records.
    Reread,
    /// A range that a user requested, whether or not it was collected before.
    Backfill,
}

impl Gap {
    /// Creates a gap with a walk that has not started.
    pub fn unwalked(log: LogType, kind: GapKind, oldest: Second, latest: Second) -> Gap {
        let walk = Walk::begin(log, oldest);
        Gap { kind, oldest, latest, workspace: None, walk, depth: Depth::default(), uncollected_since: None }
    }

    /// Returns the last second of the gap when its walk started.
    pub fn end(&self) -> Second {
        match &self.walk {
            // Even in a corrupt cursor, the end is not before the oldest stored second.
            Walk::Audit(walk) => walk.asked_latest.map_or(self.latest, |asked| asked.max(self.latest)),
            Walk::Access(_) | Walk::Integration(_) => self.latest,
        }
    }

    /// Returns `true` if the walk would continue from a stored position: it is past its first page, or in a workspace.
    pub(crate) fn is_in_progress(&self) -> bool {
        let is_past_first_page = match &self.walk {
            Walk::Audit(walk) => walk.page_cursor.is_some(),
            Walk::Access(walk) => walk.pages > 0 || walk.stop != self.oldest, // in the first pass, or in a later one
            Walk::Integration(walk) => walk.page > 1,
        };
        is_past_first_page || self.workspace.is_some()
    }

    /// Returns `true` if no page of the gap was read.
    pub(crate) fn is_untouched(&self) -> bool {
        self.depth.is_new() && !self.is_in_progress()
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
        let workspace = self.workspace_id();
        match &self.walk {
            Walk::Audit(walk) => {
                (Request::audit_logs(self.oldest, self.end(), page_rows, walk.page_cursor.as_deref()), page_rows)
            }
            Walk::Access(AccessWalk { numbered: Some((page, rows)), .. }) => {
                (Request::access_logs_page(*rows, *page, workspace), *rows)
            }
            Walk::Access(walk) => (Request::access_logs(page_rows, walk.page_cursor.as_deref(), workspace), page_rows),
            Walk::Integration(walk) => {
                let rows = walk.page_rows.unwrap_or(page_rows);
                (Request::integration_logs(rows, context.integration.ask(walk), workspace), rows)
            }
        }
    }

    /// Returns the number of the next page of integration logs, or 1 if pages are not numbered.
    pub(crate) fn page_number(&self, context: &PageContext) -> u32 {
        if let Walk::Integration(walk) = &self.walk { context.integration.ask(walk) } else { 1 }
    }

    /// Returns how far back the walk goes.
    pub fn oldest_wanted(&self) -> Second {
        let missing_since = self.workspace.as_ref().and_then(|workspace| workspace.missing_since);
        missing_since.map_or(self.oldest, |from| from.min(self.oldest))
    }

    /// Returns the ID of the workspace that the walk is in, if an organization is read workspace by workspace.
    pub fn workspace_id(&self) -> Option<&str> {
        self.workspace.as_ref().map(|workspace| workspace.id.as_str())
    }

    /// Returns `true` if a page must be processed as a whole, because only all of its rows distinguish equal rows.
    pub fn processes_whole_pages(&self) -> bool {
        matches!(self.walk, Walk::Integration(_))
    }

    /// Processes the next rows of a page, and returns those that belong to the gap. Does not apply to pages that are processed as a whole.
    pub fn process_rows(&self, page: &mut PageSoFar, rows: &[Row]) -> Vec<MatchedRecord> {
        page.oldest_times.process_rows(rows, self.oldest_wanted());
        match &self.walk {
            Walk::Audit(_) => page.audit.process_rows(&(self.oldest..=self.end()), rows),
            Walk::Access(_) => {
                let mut matched = page.access.process_rows(self.oldest_wanted(), rows);
                // The walk passes all rows first seen since the gap's end, which a backfill does not request.
                let backfill_end = (self.kind == GapKind::Backfill).then_some(self.latest);
                let until = [page.until, backfill_end].into_iter().flatten().min();
                let is_wanted = |time: Second| until.is_none_or(|until| time <= until);
                matched.retain(|(index, _)| rows[*index].time.is_none_or(is_wanted));
                matched
            }
            Walk::Integration(_) => Vec::new(),
        }
    }

    /// Processes the last rows of a page and the fields beside the rows, and moves the walk forward.
    ///
    /// `by_first` is whether access logs are known to be sorted by `date_first`.
    pub fn advance(
        &mut self,
        by_first: &mut bool,
        context: &mut PageContext,
        mut page: PageSoFar,
        (rows, page_rows): (&[Row], u32),
        end: &PageFields,
    ) -> PageOutcome {
        let matched = self.process_rows(&mut page, rows);
        let (oldest, range) = (self.oldest_wanted(), self.oldest..=self.end());
        let shown = page.oldest_times;
        let outcome = match &mut self.walk {
            Walk::Audit(walk) => {
                let (done, latest) = walk.advance(&range, &page.audit, end);
                self.latest = latest.unwrap_or(self.latest);
                PageOutcome::of(matched, done)
            }
            Walk::Access(walk) => {
                let (pass, pages) = (walk.stop, walk.pages);
                let done = walk.advance(by_first, &mut context.access, &page.access, end);
                if walk.stop != pass {
                    self.depth = Depth::default(); // a later pass goes less far back
                    context.progress.begin_pass();
                } else if walk.pages == 0 && pages > 0 {
                    context.progress.restart();
                }
                PageOutcome::of(matched, done)
            }
            Walk::Integration(walk) => {
                let page = walk.page;
                let outcome =
                    walk.process_page(&(oldest..=self.latest), &mut context.integration, rows, end, page_rows);
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

    /// Starts the walk of a workspace, or of the whole organization.
    pub fn enter(&mut self, log: LogType, workspace: Option<WorkspacePosition>) {
        self.workspace = workspace;
        (self.walk, self.depth) = (Walk::begin(log, self.oldest_wanted()), Depth::default());
    }

    /// Restarts the walk, for example after Slack rejected its page cursor.
    ///
    /// An audit walk continues from the oldest stored second. An access walk restarts its pass from now. An integration walk restarts from the
    /// first page.
    pub fn restart(&mut self, context: &mut PageContext) {
        match &mut self.walk {
            Walk::Audit(walk) => *walk = AuditWalk::default(),
            Walk::Access(walk) => walk.restart(),
            Walk::Integration(walk) => *walk = IntegrationWalk::default(),
        }
        context.integration = integration::BoundaryState::default();
        context.progress.restart();
    }

    /// Restarts the walk if its pages are numbered, because the numbers depend on the page size.
    pub fn change_page_size(&mut self, context: &mut PageContext) {
        if matches!(self.walk, Walk::Integration(_) | Walk::Access(AccessWalk { numbered: Some(_), .. })) {
            self.restart(context);
            context.progress.has_changed_page_size = true;
        }
    }
}
