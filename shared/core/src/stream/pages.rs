//! Decides after each page how the walk of a gap goes on.

use super::overlap::LiveWalk;
use super::page_size::may_be_smaller;
use super::{ActiveGap, StreamTick};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::slack::{PageError, Request};
use crate::source::LogType;
use crate::time::Second;
use crate::walk::{Gap, GapKind, PageContext, Walk};
use crate::workspaces::Skipped;

/// What Slack returned for the request of a page.
#[derive(Debug)]
pub enum PageRead {
    /// A page, whose new records are in the batch. The gap, or its current workspace, is at its end if `is_end`.
    Page {
        /// Whether the walk is at its end.
        is_end: bool,
    },
    /// Something else than a page.
    Refused {
        /// What Slack returned instead.
        error: PageError,
        /// The time of the response by Slack's clock.
        date: Option<Second>,
    },
}

/// How the walk of a gap goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NextStep {
    /// Request the next page.
    ReadPage,
    /// Read the list of workspaces first, and then call [`StreamTick::begin_round`].
    ListWorkspaces,
    /// The gap is collected.
    Done,
}

/// How a response other than an error affects a walk.
enum Position {
    Within,
    AtEnd,
    /// The log must be read workspace by workspace.
    NeedsWorkspaces,
}

/// When a smaller page is requested after an error.
enum Shrunk {
    /// Now, because the page was too large.
    ForThisTick,
    /// In the next tick, because Slack may recover from what broke off the page.
    ForNextTick,
    /// Never: a smaller page does not exist or would not help.
    CannotHelp,
}

impl StreamTick<'_> {
    /// Returns the request for the next page of a gap, and the number of rows that it requests.
    pub fn request(&self, active: &ActiveGap) -> (Request, u32) {
        active.gap.request(&active.context, self.cache.page_size.rows)
    }

    /// Decides how the walk goes on after a page, or after what came instead of it. `asked` is the request and its number of rows.
    ///
    /// # Errors
    ///
    /// Returns an error if it ends the walk. What was read before counts.
    pub fn after_page(
        &mut self,
        active: &mut ActiveGap,
        asked: (&Request, u32),
        read: Result<PageRead, Error>,
    ) -> Result<NextStep, Error> {
        let is_end = match read.and_then(|read| self.position(active, asked.1, read)) {
            Ok(Position::NeedsWorkspaces) => return Ok(NextStep::ListWorkspaces),
            Ok(position) => {
                if let Some((_, pages)) = self.live_walk.as_mut().filter(|_| active.gap.kind == GapKind::Live) {
                    *pages += 1;
                }
                let is_end = matches!(position, Position::AtEnd);
                if is_end { Ok(true) } else { self.check_progress(active, asked.0).map(|()| false) }
            }
            Err(error) => match self.shrink_page(active, asked.1, &error) {
                Shrunk::ForThisTick => Ok(false),
                // The workspace is not skipped.
                Shrunk::ForNextTick => return Err(error),
                Shrunk::CannotHelp => Err(error),
            },
        };
        let is_end = match is_end {
            Err(error) if is_of_a_page(&error) => self.skip_or_fail(&mut active.gap, error).map(|()| true)?,
            is_end => is_end?,
        };
        if !is_end {
            return Ok(NextStep::ReadPage);
        }
        self.advanced = true;
        if self.next_workspace(active) {
            return Ok(NextStep::ReadPage);
        }
        Ok(self.complete(active))
    }

    fn complete(&mut self, active: &mut ActiveGap) -> NextStep {
        self.adapt_overlap(active, 0, active.gap.oldest);
        active.is_complete = true;
        NextStep::Done
    }

    /// Starts reading access logs workspace by workspace, after the workspaces were listed.
    pub fn begin_round(&mut self, active: &mut ActiveGap) -> NextStep {
        active.gap.enter(self.log, None);
        if self.stay_or_enter(&mut active.gap) {
            return NextStep::ReadPage;
        }
        self.advanced = true;
        self.complete(active)
    }

    /// Adapts the overlap, the depth and the page size when a walk pauses, because it is complete, failed, filled a batch, or used up the tick's
    /// calls or time.
    pub fn pause_walk(&mut self, active: &mut ActiveGap, failed: bool) {
        // A tick that runs out of time does not show how many calls the overlap needs.
        if !failed && !active.is_complete && self.calls_exhausted() {
            let covered = if let Walk::Audit(_) = active.gap.walk { active.gap.latest } else { active.gap.oldest };
            self.adapt_overlap(active, 1, covered); // at least one page remains
        }
        let gap = &mut active.gap;
        if gap.depth.add_progress(&active.context.progress)
            && let Some(page_rows) = gap.page_rows()
            && self.cache.page_size.enlarge(page_rows)
        {
            gap.change_page_size(&mut active.context);
        }
    }

    fn position(&mut self, active: &mut ActiveGap, page_rows: u32, read: PageRead) -> Result<Position, Error> {
        let (error, date) = match read {
            PageRead::Page { is_end } => {
                active.context.missing_page = None;
                self.cache.page_size.grow();
                return Ok(if is_end { Position::AtEnd } else { Position::Within });
            }
            PageRead::Refused { error, date } => (error, date),
        };
        self.refused = Some(error.clone().into_error());
        match error {
            PageError::NoSuchPage => self.end_pages(active, page_rows),
            PageError::StalePageCursor => {
                active.gap.restart(&mut active.context);
                Ok(Position::Within)
            }
            PageError::Error(error) => self.handle_error_response(&mut active.gap, error, date),
        }
    }

    /// Decides whether a log ends before a page that does not exist.
    fn end_pages(&mut self, active: &mut ActiveGap, page_rows: u32) -> Result<Position, Error> {
        let ActiveGap { gap, context, .. } = active;
        let number = gap.page_number(context);
        if number <= 1 {
            return self.skip_or_fail(gap, PageError::NoSuchPage.into_error()).map(|()| Position::AtEnd); // every log has a first page
        }
        // Slack returns a limited number of pages, so larger pages reach further back. In a log with the oldest rows first, the missing page
        // would contain the newest rows, so ask again how many pages exist. The same applies if this page existed in an earlier tick, because
        // the page counts were wrong then.
        let is_end =
            !self.cache.page_size.enlarge(page_rows) && !gap.walk.is_oldest_first() && !gap.walk.asks_again(context);
        if !is_end {
            gap.restart(context);
            return Ok(Position::Within);
        }
        // A single such response may be a hiccup, so request the page again.
        let is_confirmed = context.missing_page.replace(number) == Some(number);
        Ok(if is_confirmed { Position::AtEnd } else { Position::Within })
    }

    /// Handles an error response to a page.
    ///
    /// # Errors
    ///
    /// Returns the error if it affects the whole stream.
    fn handle_error_response(&mut self, gap: &mut Gap, error: Error, date: Option<Second>) -> Result<Position, Error> {
        // The local clock is ahead, so the range ends in Slack's future. Request only the part that Slack has reached.
        if let Some(date) = date
            && (self.log, error.code.as_str()) == (LogType::Audit, "invalid_range")
            && date < gap.latest
        {
            gap.latest = date.max(gap.oldest);
            return Ok(if date <= gap.oldest { Position::AtEnd } else { Position::Within });
        }
        // Slack's documentation contradicts itself on whether an organization's token can read access logs without `team_id`.
        let may_read_by_workspace = self.source.organization && !self.cursor.by_workspace;
        let is_demand = self.log == LogType::Access && error.code == "missing_argument" && may_read_by_workspace;
        // With `team_id`, Slack may return only some of the rows, so confirm the error like one that requires action.
        if is_demand && self.is_repeated(&error) {
            self.cursor.by_workspace = true;
            return Ok(Position::NeedsWorkspaces);
        }
        self.skip_or_fail(gap, error).map(|()| Position::AtEnd)
    }

    /// Requests fewer rows after a page that was too large or that broke off.
    fn shrink_page(&mut self, active: &mut ActiveGap, page_rows: u32, error: &Error) -> Shrunk {
        if !may_be_smaller(error) || !self.cache.page_size.shrink(page_rows) {
            return Shrunk::CannotHelp;
        }
        active.gap.change_page_size(&mut active.context);
        if error.code == "response_too_large" { Shrunk::ForThisTick } else { Shrunk::ForNextTick }
    }

    /// Checks that the walk advances, after a page that is not its last.
    ///
    /// # Errors
    ///
    /// Returns an error if the walk no longer advances. The batch contains what was read, and a later tick continues from there.
    fn check_progress(&mut self, active: &mut ActiveGap, request: &Request) -> Result<(), Error> {
        let goes_on = active.context.progress.count_page();
        self.advanced |= active.context.progress.has_advanced;
        if goes_on {
            return Ok(());
        }
        let next = self.request(active).0;
        if request.has_page_cursor() && next.page_cursor() == request.page_cursor() {
            active.gap.restart(&mut active.context); // Slack repeated the page cursor
        }
        Err(no_progress(request.method))
    }

    /// Adapts the overlap to a live walk that has come from its end back to `covered`, with all of its batches and `left` more pages. Integration
    /// logs are read page by page whatever the overlap, so theirs does not change.
    fn adapt_overlap(&mut self, active: &ActiveGap, left: u32, covered: Second) {
        let walk = self.live_walk.filter(|_| active.gap.kind == GapKind::Live && self.log != LogType::Integration);
        let Some((latest, pages)) = walk else { return };
        let (seconds, others_wait) = (latest.since(covered), self.cursor.gaps.len() > 1);
        let walk = LiveWalk { pages: pages + left, seconds, calls_max: self.calls_max, others_wait };
        self.cache.overlap.adapt(walk, self.now);
    }

    /// Returns `true` if the walk is in a workspace that still exists, or can enter the next one.
    pub(super) fn stay_or_enter(&mut self, gap: &mut Gap) -> bool {
        gap.workspace_id().is_some_and(|id| self.cache.workspaces.has(id)) || self.enter_next(gap)
    }

    fn enter_next(&mut self, gap: &mut Gap) -> bool {
        let (list, last) = (&self.cache.workspaces, gap.workspace_id());
        let Some(next) = self.cursor.workspaces.next_after(list, last, gap.oldest, self.now) else { return false };
        gap.enter(self.log, Some(next));
        true
    }

    /// Enters the next workspace. Returns `false` if none is left, or if the log is not read per workspace.
    fn next_workspace(&mut self, active: &mut ActiveGap) -> bool {
        let Some(last) = active.gap.workspace_id() else { return false };
        active.context = PageContext::default();
        // Only a live walk covers all time up to now. Other walks do not cover the time since their gap was opened.
        if active.gap.kind == GapKind::Live {
            self.cursor.workspaces.was_read(last, self.now);
        }
        self.enter_next(&mut active.gap)
    }

    /// Records an error that affects only the current workspace, and skips the workspace.
    ///
    /// # Errors
    ///
    /// Returns the error if it affects the whole stream, as each error does if the log is not read per workspace.
    fn skip_or_fail(&mut self, gap: &mut Gap, error: Error) -> Result<(), Error> {
        let Cursor { workspaces, health, .. } = &mut self.cursor;
        let id = gap.workspace_id().filter(|id| workspaces.is_error_of(id, &error, health, self.now));
        let Some(id) = id.map(str::to_owned) else { return Err(error) };
        match workspaces.skip(&self.cache.workspaces, id, &error, gap.oldest, health, self.now) {
            Skipped::Workspace => {}
            // This tick reports the error, but `Retry-After` applies only to this workspace.
            Skipped::PerhapsMore => {
                self.error.get_or_insert(error.with_retry_after(None));
            }
            Skipped::Last => {
                gap.enter(self.log, None);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Returns `true` if the error is caused by Slack's pages, so that other workspaces may be readable. Running out of time is not such an error.
fn is_of_a_page(error: &Error) -> bool {
    matches!(error.code.as_str(), "response_too_large" | "incomplete_response" | "no_progress" | "invalid_response")
}

pub(super) fn no_progress(method: &str) -> Error {
    Error::slack(
        "no_progress",
        format!(
            "reading pages of `{method}`: Slack keeps returning further pages, but they contain no new record, no older time and no new row"
        ),
    )
}
