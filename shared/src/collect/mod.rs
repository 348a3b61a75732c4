//! One tick of one stream: the protocol on one screen (`Collector::collect_gaps`), and its steps below it.
//!
//! The order of effects is the whole of its safety: records are appended to their day logs first, then the gap shrinks, then
//! the cursor is replaced. Whatever fails in between is done again by a later tick, and stores only what is missing.

mod call;
mod report;
mod workspaces;

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

pub use call::token_of;
pub use report::Report;
pub(crate) use workspaces::{LIST_PAGES_MAX, Workspaces, cut_off, workspace_ids};

use crate::batch::Batch;
use crate::cursor::{Cursor, Gap, GapKind, OVERLAP_SECONDS};
use crate::day_log::{DayLogs, Limits};
use crate::health::{Health, State};
use crate::line::LineWriter;
use crate::ports::{CredentialStore, DayLogStore, DeploymentStore, Edges, Replaced, Slack, Version};
use crate::record::RowId;
use crate::rotation::Overdue;
use crate::secret::Token;
use crate::slack::{Page, Refusal};
use crate::source::{LogType, Source, StreamId};
use crate::time::{Day, Second};
use crate::trouble::{Remedy, Side, Trouble};
use crate::walk::{Sight, Wanted};

/// A quiet stream's cursor is saved this often, so that a lost memory costs little reading again.
const HEARTBEAT_SECONDS: i64 = 900;
/// The overlap is never less than this, so that the second at the edge is always read again.
const OVERLAP_MIN_SECONDS: i64 = 10;
/// Day logs of days that ended longer ago than this are closed between ticks: the hourly re-read still finds its own open.
const KEPT_OPEN_SECONDS: i64 = 26 * 3600;

/// What a stream's ticks remember while the process lives. Losing it costs reading back, and nothing else.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The version of the cursor that `day_logs` goes with.
    version: Option<Version>,
    day_logs: DayLogs,
    /// Records that are stored, of a page that could not be decided to its end.
    settled: HashSet<RowId>,
    overlap_seconds: i64,
    workspaces: Workspaces,
}

impl Memory {
    /// Nothing remembered yet.
    pub fn new(stream: StreamId) -> Memory {
        Memory {
            version: None,
            day_logs: DayLogs::new(stream),
            settled: HashSet::new(),
            overlap_seconds: OVERLAP_SECONDS,
            workspaces: Workspaces::default(),
        }
    }

    /// Identities of stored records that it holds.
    pub(crate) fn seen_count(&self) -> usize {
        self.day_logs.seen_count()
    }

    /// Lets go of them.
    pub(crate) fn forget_seen(&mut self) {
        self.day_logs.forget_seen();
    }
}

/// One tick of one stream.
pub(crate) struct Collector<'a, S, D, T, K> {
    edges: &'a Edges<S, D, T, K>,
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
    passed: Option<Second>,
    memory: &'a mut Memory,
    /// The records of the page under way that are stored, or will be with the batch.
    decided: Vec<RowId>,
    lines: LineWriter,
    token: Option<Token>,
    token_is_fresh: bool,
    /// Why the token could not be rotated though that is due.
    overdue: Option<&'a Overdue>,
    report: Report,
}

/// Why the work on a gap ended.
enum Ended {
    /// It is collected.
    Closed,
    /// The batch is full or the budget is spent.
    Left,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'a, S, D, T, K> {
    pub(crate) fn new(
        edges: &'a Edges<S, D, T, K>,
        (source, stream): (&'a Source, &'a StreamId),
        now: Timestamp,
        limits: &'a Limits<'a>,
        stored: Option<(Version, Cursor)>,
        overdue: Option<&'a Overdue>,
        memory: &'a mut Memory,
    ) -> Self {
        let (version, cursor) = stored.map_or((None, None), |(version, cursor)| (Some(version), Some(cursor)));
        if memory.version != version {
            memory.day_logs = DayLogs::new(stream.clone()); // somebody else has written since: what we know may not be all
            memory.version = version;
        }
        Collector {
            edges,
            source,
            stream,
            now: Second::of(now),
            limits,
            version,
            dirty: cursor.is_none(),
            passed: cursor.as_ref().map(|cursor| cursor.top),
            cursor: cursor.unwrap_or_else(|| Cursor::first(source, stream.log, Second::of(now))),
            memory,
            decided: Vec::new(),
            lines: LineWriter::new(source, stream.log, now),
            token: None,
            token_is_fresh: false,
            overdue,
            report: Report::default(),
        }
    }

    /// Collects what there is, newest first, until nothing is left or the tick's budget is spent.
    pub(crate) async fn collect(mut self) -> Report {
        self.report.trouble = match self.overdue {
            Some(overdue) if overdue.ended => Some(overdue.trouble.clone()), // every call would be refused
            _ => self.collect_gaps().await.err().or_else(|| self.report.trouble.take()),
        };
        if let Err(trouble) = self.finish().await {
            self.report.trouble.get_or_insert(trouble);
        }
        self.report
    }

    async fn collect_gaps(&mut self) -> Result<(), Trouble> {
        self.open_gaps().await?;
        while let Some(index) = self.cursor.next_gap() {
            let mut gap = self.cursor.gaps[index].clone();
            let mut batch = Batch::with_room(self.limits.batch_bytes / 4 * 5); // the last page may go beyond
            let workspaces = self.cursor.workspaces.clone();
            let (was_under_way, pages) = (gap.is_under_way(), self.report.pages);
            let walked = self.walk(&mut gap, &mut batch).await; // pages, until they make an object

            let stored = self.store(&walked, &batch).await; // records first ...
            if stored.is_err() {
                self.cursor.workspaces = workspaces; // what the walk settled about them rests on what is not stored
            }
            stored?;
            if !self.decided.is_empty() {
                self.memory.settled = self.decided.drain(..).collect(); // a page over many long days is decided over several ticks
            }
            match &walked {
                Ok(Ended::Closed) => self.close(index),
                // Nothing of it has been read: the next tick opens it anew, up to its own now.
                Err(_) if !was_under_way && self.report.pages == pages => {}
                Ok(Ended::Left) | Err(_) => self.shrink(index, gap), // ... then what is left to do ...
            }
            self.save_if_dirty().await?; // ... and the cursor last

            walked?;
            if self.report.overtaken || self.is_spent() {
                break;
            }
        }
        Ok(())
    }

    async fn open_gaps(&mut self) -> Result<(), Trouble> {
        let live = if self.fans_out() { self.prepare_workspaces().await? } else { true };
        if self.version.is_some() {
            self.dirty |=
                self.cursor.open_gaps(self.source, self.stream.log, self.now, self.memory.overlap_seconds, live);
        }
        Ok(())
    }

    fn is_spent(&self) -> bool {
        let calls_max = self.limits.calls_max.unwrap_or_else(|| self.stream.log.calls_per_tick_max());
        self.report.calls >= calls_max || (self.limits.out_of_time)()
    }

    /// Reads pages of a gap into the batch until it is closed, the batch is full, or the budget is spent. On an error, what was
    /// read before it is in the batch, and the gap says so.
    async fn walk(&mut self, gap: &mut Gap, batch: &mut Batch) -> Result<Ended, Trouble> {
        let mut sight = Sight::default();
        let mut pages = 0;
        if self.fans_out() && !self.is_in_workspace(gap) {
            return Ok(Ended::Closed);
        }
        while batch.bytes() < self.limits.batch_bytes && !self.is_spent() {
            let request = gap.request(&sight);
            let reply = self.call(&request).await?;
            let closed = match reply.page(&request, self.now) {
                Ok(page) => {
                    pages += 1;
                    self.take(gap, &page, &mut sight, batch).await?
                }
                Err(Refusal::NoSuchPage) => true,
                Err(Refusal::StalePageCursor) => {
                    gap.restart(&mut sight);
                    false
                }
                Err(Refusal::Trouble(trouble)) => self.is_passed_over(gap, trouble, &reply)?,
            };
            if closed && !self.next_workspace(gap, &mut sight) {
                self.adapt_overlap(gap, pages);
                return Ok(Ended::Closed);
            }
        }
        self.adapt_overlap(gap, pages + 1); // there is at least one more
        Ok(Ended::Left)
    }

    /// Takes a page: its new records go to the batch, and the gap moves on. Returns whether the gap is at its end.
    async fn take(
        &mut self,
        gap: &mut Gap,
        page: &Page<'_>,
        sight: &mut Sight,
        batch: &mut Batch,
    ) -> Result<bool, Trouble> {
        self.report.pages += 1;
        let workspace = gap.walk.workspace().map(str::to_owned);
        self.decided.clear();
        let mut ahead = gap.clone();
        let step = ahead.take_page(&mut self.cursor.sorted_by, sight, page, workspace.as_deref());
        let mut days: BTreeMap<Day, Vec<&Wanted<'_>>> = BTreeMap::new();
        for wanted in &step.wanted {
            days.entry(wanted.1.kept_at().day()).or_default().push(wanted);
        }
        for (day, records) in days.into_iter().rev() {
            let stored = self.stored_of(day, &records).await?;
            for (id, record) in records.into_iter().filter(|(id, _)| !stored.contains(id)) {
                let time = record.kept_at();
                let late = matches!(gap.kind, GapKind::Live | GapKind::Reread)
                    && self.passed.is_some_and(|passed| time < passed);
                batch.add(*id, time, record.unreadable, late, |out| self.lines.write(record, *id, out));
            }
        }
        self.decided.clear();
        *gap = ahead;
        Ok(step.done)
    }

    /// Which of these records of a day its day log holds. Decided day by day, for opening one may close another.
    async fn stored_of(&mut self, day: Day, records: &[&Wanted<'_>]) -> Result<HashSet<RowId>, Trouble> {
        let ids = || records.iter().map(|(id, _)| *id);
        if ids().all(|id| self.memory.settled.contains(&id)) {
            self.decided.extend(ids());
            return Ok(ids().collect());
        }
        let times = || records.iter().map(|(_, record)| record.kept_at());
        let range = times().min().unwrap_or(day.start())..=times().max().unwrap_or(day.end());
        let (store, day_logs) = (&self.edges.day_logs, &mut self.memory.day_logs);
        let opened = day_logs.open(store, &self.cursor.heads, day, range, self.limits).await;
        if matches!(&opened, Err(trouble) if trouble.remedy == Remedy::Investigate) {
            // Somebody will move or restore objects: then the day log is listed anew, whatever we took for its head.
            day_logs.close(day);
            self.cursor.heads.remove(&day);
        }
        let known_from = opened?;
        let mut stored = HashSet::new();
        let mut unknown = HashSet::new();
        for (id, record) in records {
            if day_logs.holds(day, id) {
                stored.insert(*id);
            } else if record.kept_at() < known_from {
                unknown.insert(*id);
            }
        }
        if !unknown.is_empty() {
            stored.extend(day_logs.stored_among(store, day, &unknown, self.limits).await?);
        }
        self.decided.extend(ids());
        Ok(stored)
    }

    /// Stores what was walked.
    ///
    /// # Errors
    /// By remedy. Also the walk's own, where a day log is not as we left it: its next number may be a missing object's.
    async fn store(&mut self, walked: &Result<Ended, Trouble>, batch: &Batch) -> Result<(), Trouble> {
        match walked {
            Err(trouble) if (trouble.side, trouble.remedy) == (Side::Ours, Remedy::Investigate) => Err(trouble.clone()),
            _ => self.append(batch).await,
        }
    }

    async fn append(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let before = self.report.appended.clone();
        let (day_logs, level) = (&self.edges.day_logs, self.limits.gzip_level);
        let outcome = self.memory.day_logs.append(day_logs, batch, level, &mut self.report.appended).await;
        self.dirty |= self.report.appended != before;
        let newest = self.report.appended.newest;
        self.cursor.health.last_record = self.cursor.health.last_record.max(newest);
        outcome?;
        self.report.note_batch(batch, self.now);
        let today = self.now.day();
        self.memory.day_logs.make_room(today, today.end(), self.limits.seen_max);
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

    /// A live walk that needs more than a page reads back less the next time; the re-reads find what is late. Integration logs are read
    /// page by page whatever the overlap.
    fn adapt_overlap(&mut self, gap: &Gap, pages: u32) {
        if gap.kind == GapKind::Live && self.stream.log != LogType::Integration {
            let seconds = self.memory.overlap_seconds;
            self.memory.overlap_seconds =
                if pages > 1 { seconds / 2 } else { seconds * 2 }.clamp(OVERLAP_MIN_SECONDS, OVERLAP_SECONDS);
        }
    }

    async fn save_if_dirty(&mut self) -> Result<(), Trouble> {
        if !self.dirty || self.report.overtaken {
            return Ok(());
        }
        let kept_open = self.kept_open_from();
        self.cursor.heads.extend(self.memory.day_logs.heads());
        self.cursor.heads.retain(|day, _| day.end() >= kept_open);
        self.cursor.saved_at = self.now;
        self.memory.version = None; // until we know what came of it
        match self.edges.deployment.replace_cursor(self.stream, self.version, &self.cursor).await? {
            Replaced::Yes(version) => {
                (self.version, self.memory.version) = (Some(version), Some(version));
                self.dirty = false;
            }
            Replaced::Changed => self.report.overtaken = true, // the other invocation is ahead; the next tick loads anew
        }
        Ok(())
    }

    /// Records how the tick went, if that is news or the heartbeat is due.
    async fn finish(&mut self) -> Result<(), Trouble> {
        let pause = self.report.trouble.as_ref().and_then(Health::pause_seconds);
        self.cursor.not_before = pause.map(|seconds| self.now.plus(seconds));
        self.dirty |= self.cursor.not_before.is_some();
        // While the old token lives collecting goes on, and a person is told in time that it will end.
        let person = self.overdue.map(|overdue| &overdue.trouble).filter(|trouble| trouble.remedy != Remedy::TryLater);
        self.report.trouble = self.report.trouble.take().or_else(|| person.cloned());
        let (trouble, behind) = (self.report.trouble.as_ref(), self.cursor.is_behind());
        self.dirty |= self.cursor.health.note(trouble, behind, self.source, self.stream.log, self.now);
        self.dirty |= self.now.since(self.cursor.saved_at) >= HEARTBEAT_SECONDS;
        self.report.state = self.cursor.health.state;
        self.report.silence = self.cursor.health.remedy.clone().filter(|_| self.report.state == State::Silent);
        self.report.gaps = self.cursor.gaps.len();
        self.report.lag_seconds = self.cursor.lag_seconds(self.now);
        self.report.workspaces_in_trouble =
            self.cursor.workspaces.values().filter(|workspace| workspace.code.is_some()).count();
        let saved = self.save_if_dirty().await;
        if self.cursor.gaps.is_empty() {
            self.memory.day_logs.forget_before(self.kept_open_from());
        }
        saved
    }

    /// Day logs of days that ended before this are closed between ticks.
    fn kept_open_from(&self) -> Second {
        self.now.plus(-KEPT_OPEN_SECONDS)
    }
}
