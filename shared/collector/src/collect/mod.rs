//! One tick of one stream: the protocol on one screen (`Collector::collect_gaps`), and its steps below it.
//!
//! The order of effects is the whole of its safety: records are appended to their day logs first, then the gap shrinks, then
//! the cursor is replaced. Whatever fails in between is done again by a later tick, and stores only what is missing.

mod block;
mod call;
mod overlap;
mod page;
mod process;
mod report;
mod workspaces;

use std::collections::HashSet;

use jiff::Timestamp;

pub use report::Report;
pub use workspaces::Workspaces;

use overlap::{LiveWalk, Overlap};
use page::{PageSize, may_be_smaller};

use crate::day_log::{DayLogs, Limits};
use crate::token_refresh::RefreshFailure;
use slacktrail_core::batch::Batch;
use slacktrail_core::cursor::{Cursor, Gap, GapKind};
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::health::{Health, TickOutcome};
use slacktrail_core::line::LineWriter;
use slacktrail_core::record::RowId;
use slacktrail_core::secret::Token;
use slacktrail_core::slack::{PageError, Request};
use slacktrail_core::source::{LogType, Source, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::{PageContext, Walk};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, ReplaceOutcome, Slack, Version};

/// A quiet stream's cursor is saved this often, so that a lost memory costs little reading again.
const HEARTBEAT_SECONDS: i64 = 900;
/// Day logs of days that ended longer ago than this are closed between ticks: the hourly re-read still finds its own open.
const CACHED_SECONDS: i64 = 26 * 3600;

/// What a stream's ticks remember while the process lives. Losing it costs reading back, and nothing else.
#[derive(Clone, Debug)]
pub struct StreamCache {
    /// The version of the cursor that `day_logs` goes with.
    version: Option<Version>,
    day_logs: DayLogs,
    /// Records that are stored, of a page that could not be decided to its end.
    known_stored: HashSet<RowId>,
    overlap: Overlap,
    page_size: PageSize,
    workspaces: Workspaces,
}

impl StreamCache {
    /// Nothing remembered yet.
    pub fn new(stream: StreamId) -> StreamCache {
        StreamCache {
            version: None,
            page_size: PageSize::of(stream.log),
            day_logs: DayLogs::new(stream),
            known_stored: HashSet::new(),
            overlap: Overlap::new(),
            workspaces: Workspaces::default(),
        }
    }

    /// A memory of so many stored records.
    #[cfg(test)]
    pub(crate) fn with_cached_ids(stream: StreamId, count: u8) -> StreamCache {
        StreamCache { day_logs: DayLogs::with_ids(stream.clone(), count), ..StreamCache::new(stream) }
    }

    /// Identities of stored records that it holds.
    pub(crate) fn cached_ids(&self) -> usize {
        self.day_logs.id_count()
    }

    /// Lets go of them.
    pub(crate) fn clear_ids(&mut self) {
        self.day_logs.clear_ids();
    }
}

/// One tick of one stream.
pub struct Collector<'a, S, D, T, K> {
    ports: &'a Ports<S, D, T, K>,
    source: &'a Source,
    stream: &'a StreamId,
    now: Second,
    limits: &'a Limits<'a>,
    cursor: Cursor,
    /// The stored cursor's version; `None` when there is none.
    version: Option<Version>,
    /// Whether the cursor says something that the stored one does not and that must not be forgotten.
    dirty: bool,
    /// All time up to here was collected by earlier ticks: a record from before it comes late.
    previous_watermark: Option<Second>,
    cache: &'a mut StreamCache,
    /// The records of the page under way that are stored, or will be with the batch.
    checked_ids: Vec<RowId>,
    lines: LineWriter,
    token: Option<Token>,
    token_is_fresh: bool,
    /// Why the token is due but could not be refreshed.
    refresh_failure: Option<&'a RefreshFailure>,
    report: Report,
}

/// Why the work on a gap ended.
enum GapOutcome {
    /// It is collected.
    Complete,
    /// The batch is full or the budget is spent.
    Partial,
}

/// When a smaller page is asked for.
enum SmallerPage {
    Now,
    NextTick,
    /// There is none, or it would not help.
    No,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'a, S, D, T, K> {
    pub(crate) fn new(
        ports: &'a Ports<S, D, T, K>,
        (source, stream): (&'a Source, &'a StreamId),
        now: Timestamp,
        limits: &'a Limits<'a>,
        stored: Option<(Version, Cursor)>,
        refresh_failure: Option<&'a RefreshFailure>,
        cache: &'a mut StreamCache,
    ) -> Self {
        let (version, cursor) = stored.map_or((None, None), |(version, cursor)| (Some(version), Some(cursor)));
        if cache.version != version {
            cache.day_logs = DayLogs::new(stream.clone()); // somebody else has written since: what we know may not be all
            cache.version = version;
        }
        let doubt = cursor.as_ref().and_then(|cursor| cursor.time_in_future(Second::of(now)));
        let cursor = cursor.filter(|_| doubt.is_none());
        let report = Report { error: doubt.map(corrupt_cursor), recovered: doubt.is_some(), ..Report::default() };
        Collector {
            ports,
            source,
            stream,
            now: Second::of(now),
            limits,
            version,
            dirty: cursor.is_none(),
            previous_watermark: cursor.as_ref().map(|cursor| cursor.watermark),
            cursor: cursor.unwrap_or_else(|| Cursor::first(source, stream.log, Second::of(now))),
            cache,
            checked_ids: Vec::new(),
            lines: LineWriter::new(source, stream.log, now),
            token: None,
            token_is_fresh: false,
            refresh_failure,
            report,
        }
    }

    /// Collects what there is, newest first, until nothing is left or the tick's budget is spent.
    pub async fn collect(mut self) -> Report {
        self.report.error = match self.refresh_failure {
            Some(failure) if failure.token_expired => Some(failure.error.clone()), // every call would be refused
            _ => match self.collect_gaps().await {
                Ok(()) => self.report.error.take(),
                // A cursor that was not believed is told of all the same: the next tick finds a good one.
                Err(error) if self.report.recovered && error.kind == ErrorKind::Retry => {
                    self.report.error.take().map(|doubt| doubt.with_retry_after(error.retry_after_seconds))
                }
                Err(error) => {
                    self.report.recovered = false;
                    Some(self.confirm(error).await)
                }
            },
        };
        if let Err(error) = self.finish().await {
            self.report.error.get_or_insert(error);
        }
        self.report
    }

    async fn collect_gaps(&mut self) -> Result<(), Error> {
        self.open_gaps().await?;
        while let Some(index) = self.cursor.next_gap() {
            let mut gap = self.cursor.gaps[index].clone();
            let mut batch = Batch::default();
            let workspaces = self.cursor.workspaces.clone();
            let (was_under_way, pages) = (gap.is_under_way(), self.report.pages);
            let mut context = PageContext::default();
            let walked = self.walk(&mut gap, &mut context, &mut batch).await; // pages, until they make an object
            if gap.depth.end_tick(&context.progress)
                && let Some(page_rows) = gap.page_rows()
                && self.cache.page_size.enlarge(page_rows)
            {
                gap.change_page_size(&mut context);
            }

            let stored = self.store(&walked, &mut batch).await; // records first ...
            if stored.is_err() {
                self.cursor.workspaces = workspaces; // what the walk settled about them rests on what is not stored
            }
            stored?;
            if !self.checked_ids.is_empty() {
                self.cache.known_stored = self.checked_ids.drain(..).collect(); // a page over many long days is decided over several ticks
            }
            match &walked {
                Ok(GapOutcome::Complete) => self.close(index),
                // Nothing of it has been read: the next tick opens it anew, up to its own now.
                Err(_) if !was_under_way && self.report.pages == pages => {}
                Ok(GapOutcome::Partial) | Err(_) => self.shrink(index, gap), // ... then what is left to do ...
            }
            self.save_if_dirty().await?; // ... and the cursor last

            walked?;
            if self.report.conflict || self.budget_exhausted() {
                break;
            }
        }
        Ok(())
    }

    async fn open_gaps(&mut self) -> Result<(), Error> {
        let live = if self.reads_per_workspace() { self.prepare_workspaces().await? } else { true };
        if self.version.is_some() {
            self.dirty |=
                self.cursor.open_gaps(self.source, self.stream.log, self.now, self.cache.overlap.seconds(), live);
        }
        Ok(())
    }

    fn calls_max(&self) -> u32 {
        self.limits.calls_max.unwrap_or_else(|| self.stream.log.calls_per_tick_max())
    }

    fn budget_exhausted(&self) -> bool {
        self.calls_exhausted() || (self.limits.deadline_reached)()
    }

    fn calls_exhausted(&self) -> bool {
        self.report.calls >= self.calls_max()
    }

    /// Reads pages of a gap into the batch until it is closed, the batch is full, or the budget is spent. On an error, what was
    /// read before it is in the batch, and the gap says so.
    async fn walk(&mut self, gap: &mut Gap, context: &mut PageContext, batch: &mut Batch) -> Result<GapOutcome, Error> {
        let (mut pages, latest) = (0, gap.latest);
        if self.reads_per_workspace() && !self.is_in_workspace(gap) {
            return Ok(GapOutcome::Complete);
        }
        while batch.bytes() < self.limits.batch_bytes && !self.budget_exhausted() {
            let (request, page_rows) = gap.request(context, self.cache.page_size.rows());
            let read = match self.read_page(gap, &request, page_rows, context, batch).await {
                Ok(closed) => {
                    pages += 1;
                    let goes_on = if closed { Ok(()) } else { self.check_progress(gap, context, &request) };
                    goes_on.map(|()| closed)
                }
                Err(error) => match self.shrink_page(gap, context, page_rows, &error) {
                    SmallerPage::Now => Ok(false),
                    SmallerPage::NextTick => return Err(error), // a smaller page may do: no workspace is to blame
                    SmallerPage::No => Err(error),
                },
            };
            let closed = match read {
                Err(error) if is_of_a_page(&error) => self.skip_workspace(gap, error)?,
                read => read?,
            };
            if !closed {
                continue;
            }
            self.report.advanced = true;
            if !self.next_workspace(gap, context) {
                self.adapt_overlap(gap, pages, latest.since(gap.oldest));
                return Ok(GapOutcome::Complete);
            }
        }
        // A tick that runs out of time does not show how many calls the overlap needs.
        if self.calls_exhausted() {
            let covered = if let Walk::Audit(_) = gap.walk { gap.latest } else { gap.oldest };
            self.adapt_overlap(gap, pages + 1, latest.since(covered)); // there is at least one more
        }
        Ok(GapOutcome::Partial)
    }

    /// Reads one page, or what comes in its place. Returns whether the gap, or the workspace that it is at, is at its end.
    async fn read_page(
        &mut self,
        gap: &mut Gap,
        request: &Request,
        page_rows: u32,
        context: &mut PageContext,
        batch: &mut Batch,
    ) -> Result<bool, Error> {
        let page = self.call(request).await?;
        match page.page_error(self.now) {
            None => {
                let closed = self.process(gap, page, (request, page_rows), context, batch).await?;
                self.cache.page_size.grow();
                Ok(closed)
            }
            Some(PageError::NoSuchPage) => {
                self.report.refused = Some(missing_page("there is no such page"));
                // Slack shows so many pages of a log, and as many larger ones reach further back. Of a log that shows old rows first, the newest
                // ones would be there: how many pages there are is asked again. A page that was there before, in an earlier tick, came from page
                // counts that were not true.
                let is_end = !self.cache.page_size.enlarge(page_rows)
                    && !gap.walk.is_oldest_first()
                    && !gap.walk.asks_again(context);
                if !is_end {
                    gap.restart(context);
                }
                Ok(is_end)
            }
            Some(PageError::StalePageCursor) => {
                self.report.refused = Some(missing_page("it refused its own page cursor"));
                gap.restart(context);
                Ok(false)
            }
            Some(PageError::Error(error)) => {
                let response = page.response().without_body();
                drop(page);
                self.is_passed_over(gap, error, &response).await
            }
        }
    }

    /// After a page that was too large, or broke off: the next one is asked for fewer rows, in this tick or, where it broke off, in the next.
    fn shrink_page(&mut self, gap: &mut Gap, context: &mut PageContext, page_rows: u32, error: &Error) -> SmallerPage {
        if !may_be_smaller(error) || !self.cache.page_size.shrink(page_rows) {
            return SmallerPage::No;
        }
        gap.change_page_size(context);
        if error.code == "response_too_large" { SmallerPage::Now } else { SmallerPage::NextTick }
    }

    /// After a page that is not the walk's last.
    ///
    /// # Errors
    /// When the walk does not advance any more. What it has read is in the batch, and a later tick goes on from there.
    fn check_progress(&mut self, gap: &mut Gap, context: &mut PageContext, request: &Request) -> Result<(), Error> {
        let goes_on = context.progress.end_page();
        self.report.advanced |= context.progress.has_advanced();
        if goes_on {
            return Ok(());
        }
        let next = gap.request(context, self.cache.page_size.rows()).0;
        if request.has_page_cursor() && next.page_cursor() == request.page_cursor() {
            gap.restart(context); // this cursor leads nowhere
        }
        Err(no_progress(request.method))
    }

    /// Stores what was walked.
    ///
    /// # Errors
    /// By remedy. Also the walk's own, where a day log is not as we left it: its next number may be a missing object's.
    async fn store(&mut self, walked: &Result<GapOutcome, Error>, batch: &mut Batch) -> Result<(), Error> {
        match walked {
            Err(error) if (error.origin, error.kind) == (Origin::Deployment, ErrorKind::Investigate) => {
                Err(error.clone())
            }
            _ => self.append(batch).await,
        }
    }

    /// Stores the lines of a batch, and empties it.
    async fn append(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let before = self.report.appended.clone();
        let (day_logs, level) = (&self.ports.day_logs, self.limits.gzip_level);
        let outcome = self.cache.day_logs.append(day_logs, batch, level, &mut self.report.appended).await;
        self.dirty |= self.report.appended != before;
        outcome?;
        self.report.add_batch(batch, self.now);
        batch.clear(self.limits.batch_bytes);
        let today = self.now.day();
        self.cache.day_logs.evict(today, today.end(), self.limits.stored_ids_max);
        Ok(())
    }

    fn close(&mut self, index: usize) {
        let stored = self.cursor.gaps.remove(index);
        // A live gap that closes is news only where others are left: else the next tick would walk its time again before them.
        self.dirty |= stored.kind != GapKind::Live || stored.is_under_way() || !self.cursor.gaps.is_empty();
    }

    fn shrink(&mut self, index: usize, gap: Gap) {
        self.dirty |= self.cursor.gaps[index] != gap;
        self.cursor.gaps[index] = gap;
    }

    /// Integration logs are read page by page whatever the overlap.
    fn adapt_overlap(&mut self, gap: &Gap, pages: u32, seconds: i64) {
        if gap.kind == GapKind::Live && self.stream.log != LogType::Integration {
            let others_wait = self.cursor.gaps.len() > 1;
            let walk = LiveWalk { pages, seconds, calls_max: self.calls_max(), others_wait };
            self.cache.overlap.adapt(walk, self.now);
        }
    }

    async fn save_if_dirty(&mut self) -> Result<(), Error> {
        let last_record = self.cursor.health.last_record.max(self.report.newest_shown);
        self.dirty |= last_record != self.cursor.health.last_record;
        self.cursor.health.last_record = last_record;
        if !self.dirty || self.report.conflict {
            return Ok(());
        }
        let cached_from = self.cached_from();
        self.cursor.last_objects.extend(self.cache.day_logs.last_objects());
        self.cursor.last_objects.retain(|day, _| day.end() >= cached_from);
        self.cursor.saved_at = self.now;
        self.cache.version = None; // until we know what came of it
        match self.ports.deployment.replace_cursor(self.stream, self.version, &self.cursor).await? {
            ReplaceOutcome::Replaced(version) => {
                (self.version, self.cache.version) = (Some(version), Some(version));
                self.dirty = false;
            }
            ReplaceOutcome::Conflict => self.report.conflict = true, // the other invocation is ahead; the next tick loads anew
        }
        Ok(())
    }

    /// Records how the tick went, if that is news or the heartbeat is due.
    async fn finish(&mut self) -> Result<(), Error> {
        if self.report.pages == 0 && self.report.error.is_none() {
            // Slack answered, and nothing that it answered was a page: that is no success, whatever the gaps say.
            let refused = self.report.refused.take();
            self.report.error = refused.map(Error::transient);
        }
        if let Some(gap) = self.cursor.gaps.iter().find(|gap| gap.depth.is_stuck()) {
            let method = gap.request(&PageContext::default(), 1).0.method;
            self.report.error.get_or_insert_with(|| no_progress(method));
        }
        self.report.error = self.report.error.take().or_else(|| self.unreadable_workspaces());
        let pause = self.report.error.as_ref().and_then(Health::pause_seconds);
        self.cursor.not_before = pause.map(|seconds| self.now.plus(seconds));
        self.dirty |= self.cursor.not_before.is_some();
        // While the old token lives collecting goes on, and a person is told in time that it will end.
        let person = self.refresh_failure.map(|failure| &failure.error).filter(|error| error.kind != ErrorKind::Retry);
        self.report.error = self.report.error.take().or_else(|| person.cloned());
        let tick = TickOutcome {
            error: self.report.error.as_ref(),
            behind: self.cursor.is_behind(),
            was_read: self.report.pages > 0 && self.report.advanced,
            newest_shown: self.report.newest_shown,
        };
        self.dirty |= self.cursor.health.update(&tick, self.source, self.stream.log, self.now);
        self.dirty |= self.now.since(self.cursor.saved_at) >= HEARTBEAT_SECONDS;
        let health = &self.cursor.health;
        self.report.state = health.state;
        self.report.standing = health.code.clone().map(|code| (code, health.hint.clone()));
        self.report.gaps = self.cursor.gaps.len();
        self.report.lag_seconds = self.cursor.lag_seconds(self.now);
        self.report.workspaces_failing =
            self.cursor.workspaces.values().filter(|workspace| workspace.code.is_some()).count()
                + self.cache.workspaces.without_id;
        let saved = self.save_if_dirty().await;
        if self.cursor.gaps.is_empty() {
            self.cache.day_logs.clear_before(self.cached_from());
        }
        saved
    }

    /// Day logs of days that ended before this are closed between ticks.
    fn cached_from(&self) -> Second {
        self.now.plus(-CACHED_SECONDS)
    }
}

/// Why there is no page where Slack's answer is one that a walk expects.
fn missing_page(why: &str) -> Error {
    let message = format!("reading a page of Slack's log: Slack answered that {why}");
    Error::slack(
        ErrorKind::Retry,
        "no_page",
        message,
        "wait for the next tick, which starts again without a page cursor",
    )
}

/// Whether Slack's pages are at fault, so that another workspace's may be readable. A tick that runs out of time is not Slack's fault.
fn is_of_a_page(error: &Error) -> bool {
    matches!(error.code.as_str(), "response_too_large" | "incomplete_response" | "no_progress" | "invalid_response")
}

fn no_progress(method: &str) -> Error {
    Error::slack(
        ErrorKind::Retry,
        "no_progress",
        format!(
            "reading pages of `{method}`: Slack names further pages, and they bring no new record, no older time and no row that was not seen before"
        ),
        "wait for the next tick; if this persists, report it to Slack with this line",
    )
}

fn corrupt_cursor(field: &'static str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "corrupt_cursor",
        format!("reading the stream's cursor: its `{field}` lies in the future, so it is not believed"),
        "find out who writes to the table; the stream is collected again from its start, and nothing is stored twice",
    )
}
