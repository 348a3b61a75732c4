//! One tick of one stream. `Collector::collect_gaps` shows the protocol, and the other methods are its steps.
//!
//! A tick opens gaps for the time since the previous tick and for re-reads that are due. It then walks its gaps, newest first, as far as the
//! calls and the time allow. For each part of a gap, it
//! - reads pages and collects the lines of new records in a batch (`walk`),
//! - appends the batch to the day logs (`store`),
//! - removes the gap or its collected part from the cursor (`close`, `shrink`),
//! - replaces the stored cursor (`save_if_dirty`).
//!
//! This order makes a tick safe to interrupt. The stored cursor never claims more than the day logs contain. If a step fails, a later tick
//! repeats it and stores only the missing records.
//!
//! The modules, in the order of a call:
//! - `call`: one call to Slack, with a token that may have been replaced.
//! - `page`: a response that is read while it arrives, and the page size.
//! - `process`: the rows of a page, compared with the day logs in blocks (`block`).
//! - `workspaces`: an organization that is read workspace by workspace.
//! - `overlap`: the time before the watermark that the next tick reads again.
//! - `report`: the outcome of the tick.

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
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::health::{Health, TickOutcome};
use slacktrail_core::line::LineWriter;
use slacktrail_core::record::RowId;
use slacktrail_core::secret::Token;
use slacktrail_core::slack::{PageError, Request};
use slacktrail_core::source::{LogType, Source, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::{Gap, GapKind, PageContext, Walk};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, ReplaceOutcome, Slack, Version};

/// The interval at which the cursor of a quiet stream is saved. It limits the time that each tick reads again.
const HEARTBEAT_SECONDS: i64 = 900;
/// The time for which a day log stays cached after the end of its day. It covers the hourly re-read.
const CACHED_SECONDS: i64 = 26 * 3600;

/// The cache of a stream between the ticks of one process. Without it, a tick only has to read objects and lists again.
#[derive(Clone, Debug)]
pub struct StreamCache {
    /// The cursor version that `day_logs` belongs to.
    version: Option<Version>,
    day_logs: DayLogs,
    /// Record IDs that are known to be stored, from a page that could not be checked to its end.
    known_stored: HashSet<RowId>,
    overlap: Overlap,
    page_size: PageSize,
    workspaces: Workspaces,
}

impl StreamCache {
    /// Creates an empty cache.
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

    /// Creates a cache of `count` record IDs.
    #[cfg(test)]
    pub(crate) fn with_cached_ids(stream: StreamId, count: u8) -> StreamCache {
        StreamCache { day_logs: DayLogs::with_ids(stream.clone(), count), ..StreamCache::new(stream) }
    }

    /// Returns the number of cached record IDs.
    pub(crate) fn cached_ids(&self) -> usize {
        self.day_logs.id_count()
    }

    /// Drops the cached record IDs.
    pub(crate) fn clear_ids(&mut self) {
        self.day_logs.clear_ids();
    }
}

/// The state of one tick of one stream.
pub struct Collector<'a, S, D, T, K> {
    ports: &'a Ports<S, D, T, K>,
    source: &'a Source,
    stream: &'a StreamId,
    now: Second,
    limits: &'a Limits<'a>,
    cursor: Cursor,
    /// The version of the stored cursor, or `None` if none is stored.
    version: Option<Version>,
    /// Whether the cursor has changes that must be stored.
    dirty: bool,
    /// The watermark that earlier ticks reached. A record from before it is late.
    previous_watermark: Option<Second>,
    cache: &'a mut StreamCache,
    /// Record IDs of the current page that are stored, or will be with the batch.
    checked_ids: Vec<RowId>,
    lines: LineWriter,
    token: Option<Token>,
    token_is_fresh: bool,
    /// The reason why a due token could not be refreshed.
    refresh_failure: Option<&'a RefreshFailure>,
    report: Report,
}

/// The reason why the work on a gap ended.
enum GapOutcome {
    /// The gap is collected.
    Complete,
    /// The batch is full, or the tick's calls or time are used up.
    Partial,
}

/// The decision whether to request a smaller page after an error.
enum SmallerPage {
    Now,
    NextTick,
    /// A smaller page is not possible or would not help.
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
            cache.day_logs = DayLogs::new(stream.clone()); // another writer replaced the cursor, so the cache may be incomplete
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

    /// Collects gaps, newest first, until none is left or the tick's calls or time are used up.
    pub async fn collect(mut self) -> Report {
        self.report.error = match self.refresh_failure {
            Some(failure) if failure.token_expired => Some(failure.error.clone()), // Slack would reject every call
            _ => match self.collect_gaps().await {
                Ok(()) => self.report.error.take(),
                // Report the corrupt cursor in any case, because the next tick finds a valid one.
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
            let walked = self.walk(&mut gap, &mut context, &mut batch).await; // pages, until they fill an object
            if gap.depth.end_tick(&context.progress)
                && let Some(page_rows) = gap.page_rows()
                && self.cache.page_size.enlarge(page_rows)
            {
                gap.change_page_size(&mut context);
            }

            let stored = self.store(&walked, &mut batch).await; // records first ...
            if stored.is_err() {
                self.cursor.workspaces = workspaces; // the walk's changes assume that the batch is stored
            }
            stored?;
            if !self.checked_ids.is_empty() {
                self.cache.known_stored = self.checked_ids.drain(..).collect(); // a page that spans many long days is checked over several ticks
            }
            match &walked {
                Ok(GapOutcome::Complete) => self.close(index),
                // No page of the gap was read, so leave it as it was. The next tick opens it again, up to its own `now`.
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
            self.dirty |= self.cursor.open_gaps(self.stream.log, self.now, self.cache.overlap.seconds(), live);
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

    /// Reads pages of a gap into the batch until the gap is complete, the batch is full, or the tick's calls or time are used up.
    ///
    /// # Errors
    ///
    /// Returns an error if a page cannot be read. The batch contains the records that were read before, and the gap reflects that.
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
                    SmallerPage::NextTick => return Err(error), // a smaller page may succeed, so do not skip the workspace
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
            self.adapt_overlap(gap, pages + 1, latest.since(covered)); // at least one page remains
        }
        Ok(GapOutcome::Partial)
    }

    /// Reads one page, or handles the response that came instead. Returns `true` if the gap, or its current workspace, is at its end.
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
                self.report.refused = Some(missing_page("the page does not exist"));
                // Slack returns a limited number of pages, so larger pages reach further back. In a log with the oldest rows first, the missing
                // page would contain the newest rows, so ask again how many pages exist. The same applies if this page existed in an earlier
                // tick, because the page counts were wrong then.
                let is_end = !self.cache.page_size.enlarge(page_rows)
                    && !gap.walk.is_oldest_first()
                    && !gap.walk.asks_again(context);
                if !is_end {
                    gap.restart(context);
                }
                Ok(is_end)
            }
            Some(PageError::StalePageCursor) => {
                self.report.refused = Some(missing_page("its own page cursor is invalid"));
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

    /// Requests fewer rows after a page that was too large (in this tick) or that broke off (in the next tick).
    fn shrink_page(&mut self, gap: &mut Gap, context: &mut PageContext, page_rows: u32, error: &Error) -> SmallerPage {
        if !may_be_smaller(error) || !self.cache.page_size.shrink(page_rows) {
            return SmallerPage::No;
        }
        gap.change_page_size(context);
        if error.code == "response_too_large" { SmallerPage::Now } else { SmallerPage::NextTick }
    }

    /// Checks that the walk advances, after a page that is not its last.
    ///
    /// # Errors
    ///
    /// Returns an error if the walk no longer advances. The batch contains what was read, and a later tick continues from there.
    fn check_progress(&mut self, gap: &mut Gap, context: &mut PageContext, request: &Request) -> Result<(), Error> {
        let goes_on = context.progress.end_page();
        self.report.advanced |= context.progress.has_advanced();
        if goes_on {
            return Ok(());
        }
        let next = gap.request(context, self.cache.page_size.rows()).0;
        if request.has_page_cursor() && next.page_cursor() == request.page_cursor() {
            gap.restart(context); // Slack repeated the page cursor
        }
        Err(no_progress(request.method))
    }

    /// Stores the batch of a walk.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch cannot be appended. Also returns the walk's own error if a day log is damaged, and then stores nothing,
    /// because the next number may belong to a missing object.
    async fn store(&mut self, walked: &Result<GapOutcome, Error>, batch: &mut Batch) -> Result<(), Error> {
        match walked {
            Err(error) if (error.origin, error.kind) == (Origin::Deployment, ErrorKind::Investigate) => {
                Err(error.clone())
            }
            _ => self.append(batch).await,
        }
    }

    /// Appends the lines of the batch to the day logs, and clears the batch.
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
        // If the last gap closes and it is live, the next tick covers the same time anyway, so the cursor need not be saved. If other gaps are
        // left, save it. Otherwise the next tick would read that time again before them.
        self.dirty |= stored.kind != GapKind::Live || stored.is_under_way() || !self.cursor.gaps.is_empty();
    }

    fn shrink(&mut self, index: usize, gap: Gap) {
        self.dirty |= self.cursor.gaps[index] != gap;
        self.cursor.gaps[index] = gap;
    }

    /// Adapts the overlap to a live walk. Integration logs are read page by page whatever the overlap, so theirs does not change.
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
        self.cache.version = None; // until the outcome is known
        match self.ports.deployment.replace_cursor(self.stream, self.version, &self.cursor).await? {
            ReplaceOutcome::Replaced(version) => {
                (self.version, self.cache.version) = (Some(version), Some(version));
                self.dirty = false;
            }
            ReplaceOutcome::Conflict => self.report.conflict = true, // another invocation is ahead; the next tick loads its cursor
        }
        Ok(())
    }

    /// Updates the health and the report, and saves the cursor if something changed or the heartbeat is due.
    async fn finish(&mut self) -> Result<(), Error> {
        if self.report.pages == 0 && self.report.error.is_none() {
            // Slack responded, but never with a page. That is not a success, whatever the gaps say.
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
        // Until the old token expires, collection continues. Report now that it will expire, so that there is time to act.
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

    /// Returns the time before which the day logs of ended days leave the cache.
    fn cached_from(&self) -> Second {
        self.now.plus(-CACHED_SECONDS)
    }
}

/// Returns the error of a response that the walk handles, but that is not a page.
fn missing_page(why: &str) -> Error {
    let message = format!("reading a page of Slack's log: Slack responded that {why}");
    Error::slack(
        ErrorKind::Retry,
        "no_page",
        message,
        "wait for the next tick, which starts again without a page cursor",
    )
}

/// Returns `true` if the error is caused by Slack's pages, so that other workspaces may be readable. Running out of time is not such an error.
fn is_of_a_page(error: &Error) -> bool {
    matches!(error.code.as_str(), "response_too_large" | "incomplete_response" | "no_progress" | "invalid_response")
}

fn no_progress(method: &str) -> Error {
    Error::slack(
        ErrorKind::Retry,
        "no_progress",
        format!(
            "reading pages of `{method}`: Slack keeps returning further pages, but they contain no new record, no older time and no new row"
        ),
        "wait for the next tick; if this persists, report this message to Slack",
    )
}

fn corrupt_cursor(field: &'static str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "corrupt_cursor",
        format!("reading the stream's cursor: its `{field}` is in the future, so the cursor was discarded"),
        "find out what else writes to the table; slacktrail collects the stream again from its start and stores no duplicates",
    )
}
