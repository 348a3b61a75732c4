//! One tick of one stream, without I/O: which gap is walked next, what a response of Slack means for it, and what the cursor must store.
//!
//! The collector drives it: it calls Slack, appends records to the day logs and replaces the stored cursor. A tick
//! - opens gaps for the time since the previous tick and for re-reads that are due ([`StreamTick::open_gaps`]),
//! - takes the most urgent gap ([`StreamTick::next_gap`]),
//! - for each page, adds the new records to the batch ([`StreamTick::add_record`]), moves the walk forward at the end of the page
//!   ([`StreamTick::advance`]), and decides how the walk goes on ([`StreamTick::after_page`]),
//! - removes the gap or its collected part once the records are stored ([`StreamTick::commit`]),
//! - derives the stream's health ([`StreamTick::finish`]).
//!
//! What a tick changes is found by comparing its cursor with the stored one ([`StreamTick::cursor_to_save`]).

mod block;
mod confirmation;
mod outcome;
mod overlap;
mod page_size;
mod pages;
#[cfg(test)]
mod tests;

pub use crate::counts::TickCounts;
pub use block::{Block, Conflicts};
pub use confirmation::Confirmation;
pub use outcome::StreamOutcome;
pub use page_size::{PageSize, may_be_smaller};
pub use pages::{NextStep, PageRead};

use std::collections::BTreeMap;

use overlap::Overlap;

use crate::batch::Batch;
use crate::cursor::{Cursor, HEARTBEAT_SECONDS, REREADS};
use crate::error::{Error, ErrorKind};
use crate::health::{Health, HealthInput};
use crate::slack::{PageFields, Response, WorkspaceList, list_is_due};
use crate::source::{LogType, Source, StreamId};
use crate::time::{CLOCK_SKEW_SECONDS, Day, Second};
use crate::walk::{Gap, GapKind, MatchedRecord, PageContext, PageOutcome, PageSoFar, Row};
use crate::workspaces::{Workspaces, seconds_between_rounds};

/// The time for which a day log stays cached after the end of its day, because its last records may be that late: 26 hours.
const CACHED_SECONDS: i64 = REREADS[1].1 - REREADS[1].0;
/// Clock differences up to this are not reported.
const CLOCK_SKEW_REPORTED_SECONDS: i64 = 60;

/// What a process knows of a stream's walks between two ticks. Without it, a tick only reads more.
#[derive(Clone, Debug)]
pub struct WalkCache {
    overlap: Overlap,
    page_size: PageSize,
    workspaces: WorkspaceList,
    /// When `workspaces` was read.
    listed_at: Option<Second>,
}

impl WalkCache {
    /// Creates the cache of a process that has not polled the stream yet.
    pub fn new(log: LogType) -> WalkCache {
        WalkCache {
            overlap: Overlap::new(),
            page_size: PageSize::of(log),
            workspaces: WorkspaceList::default(),
            listed_at: None,
        }
    }
}

/// The state of one tick of one stream.
#[derive(Debug)]
pub struct StreamTick<'a> {
    source: &'a Source,
    log: LogType,
    now: Second,
    calls_max: u32,
    cursor: Cursor,
    /// The stored cursor, or `None` if none is stored or it was discarded.
    stored: Option<Cursor>,
    /// The watermark that earlier ticks reached. A record from before it is late.
    previous_watermark: Option<Second>,
    cache: &'a mut WalkCache,
    /// The last second of the live gap when this tick first took it, and the number of its pages since, over all batches.
    live_walk: Option<(Second, u32)>,
    /// An error that does not end the tick, but that it reports.
    error: Option<Error>,
    /// The last error response that did not affect the whole stream. It becomes the tick's error if the tick reads no page.
    refused: Option<Error>,
    /// Whether a walk advanced or reached its end. Otherwise the tick is not a success, however many pages it read.
    advanced: bool,
    /// The time of the newest record that Slack returned, new or not.
    newest_shown: Option<Second>,
    /// Whether the cursor must be saved even if nothing else changed.
    heartbeat: bool,
    outcome: StreamOutcome,
}

/// A gap that is being walked.
#[derive(Debug)]
pub struct ActiveGap {
    /// The gap as the walk leaves it. The cursor takes it over once the records are stored.
    pub gap: Gap,
    /// The state of the walk between pages. A full batch ends it, and the walk then continues with a new one, as in a later tick.
    pub context: PageContext,
    /// Whether the gap is collected.
    pub is_complete: bool,
    index: usize,
    /// The workspaces before the walk.
    workspaces: Workspaces,
    /// The number of pages that the tick had read before.
    pages_before: u32,
}

impl<'a> StreamTick<'a> {
    /// Starts a tick from the stored cursor, which is `None` for a new stream. A cursor with times in the future is discarded.
    pub fn new(
        source: &'a Source,
        log: LogType,
        now: Second,
        calls_max: Option<u32>,
        stored: Option<Cursor>,
        cache: &'a mut WalkCache,
    ) -> StreamTick<'a> {
        let field_in_future = stored.as_ref().and_then(|cursor| cursor.time_in_future(now));
        let stored = stored.filter(|_| field_in_future.is_none());
        let mut cursor = stored.clone().unwrap_or_else(|| Cursor::first(source, log, now));
        cursor.workspaces.limit_times(now, source.connected_at);
        let stream = StreamId { source: source.id.clone(), log };
        let mut outcome = StreamOutcome::initial(&stream, cursor.health.state);
        (outcome.polled, outcome.recovered) = (true, field_in_future.is_some());
        let mut tick = StreamTick {
            source,
            log,
            now,
            calls_max: calls_max.unwrap_or_else(|| log.calls_per_tick_max()),
            previous_watermark: stored.as_ref().map(|cursor| cursor.watermark),
            cursor,
            stored,
            cache,
            live_walk: None,
            error: field_in_future.map(corrupt_cursor),
            refused: None,
            advanced: false,
            newest_shown: None,
            heartbeat: false,
            outcome,
        };
        // Another process, or a tick whose cursor was not saved, may have read another list.
        if tick.cache.listed_at.is_some() && tick.reads_per_workspace() {
            tick.apply_list();
        }
        tick
    }

    /// Returns what the tick did so far.
    pub fn counts(&mut self) -> &mut TickCounts {
        &mut self.outcome.counts
    }

    /// Returns `true` if no call to Slack is left.
    pub fn calls_exhausted(&self) -> bool {
        self.outcome.counts.calls >= self.calls_max
    }

    /// Returns the number of the last object of each recent day log, as far as the writer of the cursor knew.
    pub fn last_objects(&self) -> &BTreeMap<Day, u32> {
        &self.cursor.last_objects
    }

    /// Forgets the last object of a day log that is damaged. An operator will move or restore objects.
    pub fn clear_last_object(&mut self, day: Day) {
        self.cursor.last_objects.remove(&day);
    }

    /// Returns `true` if a day log stays cached. The first day has the records without a time, which may arrive at any time.
    pub fn keeps_cached(&self, day: Day) -> bool {
        day.end() >= self.now.plus(-CACHED_SECONDS) || day == Second::EPOCH.day()
    }

    /// Returns `true` if no time is left to collect.
    pub fn is_done(&self) -> bool {
        self.cursor.gaps.is_empty()
    }

    fn reads_per_workspace(&self) -> bool {
        let log_is = self.log == LogType::Integration || self.log == LogType::Access && self.cursor.by_workspace;
        self.source.organization && log_is
    }

    /// Returns `true` if the list of the organization's workspaces must be read.
    pub fn needs_workspaces(&self) -> bool {
        self.reads_per_workspace() && list_is_due(self.cache.listed_at, self.now)
    }

    /// Takes over the list of the organization's workspaces.
    pub fn update_workspaces(&mut self, list: WorkspaceList) {
        (self.cache.workspaces, self.cache.listed_at) = (list, Some(self.now));
        self.apply_list();
    }

    fn apply_list(&mut self) {
        // Before the first list, nothing was read, or everything without workspaces. So the open gaps cover what is missing. A workspace that
        // joins later also misses the part of a backfill that has passed its ID.
        let oldest = self.cursor.gaps.iter().map(|gap| gap.oldest).fold(self.source.since, Second::min);
        let joined_since = (!self.cursor.workspaces.is_empty()).then_some(oldest);
        self.cursor.workspaces.update_listed(&self.cache.workspaces, joined_since);
    }

    /// Opens the gaps of this tick.
    pub fn open_gaps(&mut self) {
        if self.stored.is_none() {
            return; // the cursor is new, and its gap covers the stream's whole time
        }
        let in_progress = self.cursor.gaps.iter().any(|gap| gap.kind == GapKind::Live && gap.is_in_progress());
        let since_round = self.now.since(self.cursor.watermark);
        let may_start = !in_progress && since_round >= seconds_between_rounds(&self.cache.workspaces, self.calls_max);
        let live = !self.reads_per_workspace() || may_start;
        self.cursor.open_gaps(self.log, self.now, self.cache.overlap.seconds, live);
    }

    /// Returns the most urgent gap, or `None` if none is left.
    pub fn next_gap(&mut self) -> Option<ActiveGap> {
        let index = self.cursor.next_gap()?;
        let mut active = ActiveGap {
            gap: self.cursor.gaps[index].clone(),
            context: PageContext::default(),
            index,
            is_complete: false,
            workspaces: self.cursor.workspaces.clone(),
            pages_before: self.outcome.counts.pages,
        };
        if active.gap.kind == GapKind::Live {
            self.live_walk.get_or_insert((active.gap.latest, 0));
        }
        if self.reads_per_workspace() {
            active.is_complete = !self.stay_or_enter(&mut active.gap);
        }
        Some(active)
    }

    /// Takes over what a walk collected, after its records were stored. `failed` is whether the walk ended with an error.
    pub fn commit(&mut self, active: ActiveGap, failed: bool) {
        let ActiveGap { gap, index, is_complete, pages_before, .. } = active;
        // If no page of the gap was read, it stays as it was. The next tick opens it again, up to its own `now`.
        let is_unread = !self.cursor.gaps[index].is_in_progress() && self.outcome.counts.pages == pages_before;
        if is_complete {
            self.cursor.gaps.remove(index);
        } else if !(failed && is_unread) {
            self.cursor.gaps[index] = gap;
        }
    }

    /// Drops what a walk changed, because its records could not be stored.
    pub fn roll_back(&mut self, active: ActiveGap) {
        self.cursor.workspaces = active.workspaces;
    }

    /// Moves a gap forward by the last rows of a page and the fields beside the rows.
    pub fn advance(
        &mut self,
        gap: &mut Gap,
        context: &mut PageContext,
        page: PageSoFar,
        rows: (&[Row], u32),
        end: &PageFields,
    ) -> PageOutcome {
        gap.advance(&mut self.cursor.by_first, context, page, rows, end)
    }

    /// Updates the newest time that Slack has shown.
    pub fn see_rows(&mut self, block: &Block) {
        let believed = self.now.plus(CLOCK_SKEW_SECONDS);
        let shown = block.rows.iter().filter_map(|row| row.time).filter(|time| *time <= believed).max();
        self.newest_shown = self.newest_shown.max(shown);
    }

    /// Adds a row of a block, which is not stored yet, to the batch.
    pub fn add_record(
        &mut self,
        gap: &Gap,
        context: &mut PageContext,
        block: &Block,
        (index, id): MatchedRecord,
        batch: &mut Batch,
    ) {
        let time = block.partition_time(index);
        let line = &block.lines[index];
        let is_late = block.rows[index].time.is_some_and(|time| self.is_late(gap, time));
        let counts = TickCounts {
            malformed: line.malformed.into(),
            repaired: line.repaired.into(),
            late: is_late.into(),
            late_seconds_max: if is_late { self.now.since(time) } else { 0 },
            ..TickCounts::default()
        };
        if batch.add((id, line.alias), time, block.line(index), line.id_at, counts) {
            context.progress.record_is_new();
            if is_late {
                self.cache.overlap.add_late(self.now.since(time), self.now);
            }
        }
    }

    /// Returns `true` if earlier ticks have already read this second, so that a new record from it is late.
    fn is_late(&self, gap: &Gap, time: Second) -> bool {
        if !matches!(gap.kind, GapKind::Live | GapKind::Reread) {
            return false;
        }
        // If the workspace could not be read, its time since then was not read either. Check both when this walk entered it and now.
        let entered = gap.workspace.as_ref();
        let now = entered.and_then(|workspace| self.cursor.workspaces.missing_since(&workspace.id));
        let missing_since = [entered.and_then(|workspace| workspace.missing_since), now];
        if missing_since.into_iter().flatten().any(|from| time >= from) {
            return false;
        }
        let is_unread = |gap: &Gap| {
            let since = gap.uncollected_since.map_or(gap.oldest, |since| since.max(gap.oldest));
            matches!(gap.kind, GapKind::Live | GapKind::Backlog) && (since..=gap.latest).contains(&time)
        };
        self.previous_watermark.is_some_and(|previous_watermark| time < previous_watermark)
            && !self.cursor.gaps.iter().any(is_unread)
    }

    /// Limits the watermark and the re-read times to Slack's clock. Time that Slack has not reached yet is not collected, even if the local
    /// clock is ahead, now or when an earlier tick opened a gap and got no response. A response that rejects a range in Slack's future counts,
    /// because it may end a walk.
    pub fn apply_server_clock<B>(&mut self, response: &Response<B>) {
        let skew = response.date.map(|date| self.now.since(Second::of(date)));
        let reported = skew.filter(|skew| skew.abs() > CLOCK_SKEW_REPORTED_SECONDS);
        self.outcome.clock_skew_seconds = reported.or(self.outcome.clock_skew_seconds);
        if response.status >= 500 {
            return; // it ends no walk, and may come from a proxy
        }
        let reached = response.slack_now(self.now);
        self.cursor.watermark = self.cursor.watermark.min(reached);
        self.cursor.rereads.iter_mut().for_each(|began| *began = reached.min(*began));
    }

    /// Returns the cursor if it must replace the stored one, and `None` if nothing has changed.
    pub fn cursor_to_save(&mut self, last_objects: impl Iterator<Item = (Day, u32)>) -> Option<&Cursor> {
        self.cursor.last_objects.extend(last_objects);
        let mut numbers = std::mem::take(&mut self.cursor.last_objects);
        numbers.retain(|day, _| self.keeps_cached(*day));
        self.cursor.last_objects = numbers;
        self.cursor.health.last_record = self.cursor.health.last_record.max(self.newest_shown);
        let has_changed = self.stored.as_ref().is_none_or(|stored| self.cursor.must_replace(stored));
        (has_changed || self.heartbeat).then(|| {
            self.cursor.saved_at = self.now;
            &self.cursor
        })
    }

    /// Records that the cursor is stored.
    pub fn cursor_saved(&mut self) {
        self.stored = Some(self.cursor.clone());
        self.heartbeat = false;
    }

    /// Ends the tick: derives the health and the outcome. `error` is the error that ended the walks, and `token_error` the reason why a due token
    /// could not be refreshed.
    pub fn finish(&mut self, error: Option<Error>, token_error: Option<&Error>) {
        let error = self.error_of_tick(error);
        let pause = error.as_ref().and_then(Health::pause_seconds);
        self.cursor.not_before = pause.map(|seconds| self.now.plus(seconds));
        // Until the old token expires, collection continues. Report now that it will expire, so that there is time to act.
        let error = error.or_else(|| token_error.filter(|error| error.kind != ErrorKind::Retry).cloned());
        let tick = HealthInput {
            error: error.as_ref(),
            behind: self.cursor.is_behind(),
            was_read: self.outcome.counts.pages > 0 && self.advanced,
            newest_shown: self.newest_shown,
        };
        self.cursor.health.update(&tick, self.source, self.log, self.now);
        self.heartbeat = self.now.since(self.cursor.saved_at) >= HEARTBEAT_SECONDS;
        let health = &self.cursor.health;
        self.outcome.state = health.state;
        self.outcome.is_reason_stored = error.is_none();
        self.outcome.reason = error.or_else(|| health.error());
        self.outcome.gaps = self.cursor.gaps.len();
        self.outcome.lag_seconds = self.cursor.lag_seconds(self.now);
        self.outcome.workspaces_failing = self.cursor.workspaces.failing().count() + self.cache.workspaces.without_id;
    }

    fn error_of_tick(&mut self, error: Option<Error>) -> Option<Error> {
        let noted = self.error.take();
        let error = match error {
            // Report the corrupt cursor in any case, because the next tick finds a valid one.
            Some(error) if self.outcome.recovered && error.kind == ErrorKind::Retry => {
                noted.map(|corrupt| corrupt.with_retry_after(error.retry_after_seconds))
            }
            Some(error) => {
                self.outcome.recovered = false;
                Some(error)
            }
            None => noted,
        };
        // Slack responded, but never with a page. That is not a success, whatever the gaps say.
        let refused = self.refused.take().filter(|_| self.outcome.counts.pages == 0);
        error
            .or_else(|| refused.map(Error::unconfirmed))
            .or_else(|| self.stuck_walk())
            .or_else(|| self.cursor.workspaces.unreadable(self.now))
    }

    fn stuck_walk(&self) -> Option<Error> {
        let gap = self.cursor.gaps.iter().find(|gap| gap.depth.is_stuck())?;
        Some(pages::no_progress(gap.request(&PageContext::default(), 1).0.method))
    }

    /// Returns the outcome of the tick. `error` is an error of saving the cursor.
    pub fn into_outcome(self, error: Option<Error>) -> StreamOutcome {
        let of_tick = self.outcome.error().cloned().or(error);
        let is_reason_stored = of_tick.is_none();
        let reason = of_tick.or(self.outcome.reason).map(|error| error.of_source(self.source.id.clone()));
        StreamOutcome { reason, is_reason_stored, ..self.outcome }
    }
}

fn corrupt_cursor(field: &'static str) -> Error {
    Error::deployment(
        "corrupt_cursor",
        format!("reading the stream's cursor: its `{field}` is in the future, so the cursor was discarded"),
    )
}
