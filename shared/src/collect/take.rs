//! Takes a page: rows into blocks, new records into the batch, full batches into day logs.

use std::collections::{BTreeMap, HashSet};

use super::block::{Block, Conflicts};
use super::page::OpenPage;
use super::{Collector, no_page};
use crate::batch::{Batch, Counts};
use crate::cursor::{Gap, GapKind};
use crate::error::{Error, ErrorKind};
use crate::ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};
use crate::record::RowId;
use crate::slack::{Refusal, Request, TooLarge, too_large};
use crate::time::{CLOCK_SKEW_SECONDS, Day, Second};
use crate::walk::{PageSoFar, Sight, Wanted};

/// Identities of a page that are remembered where it takes several ticks to decide on it: pages of as many rows as are asked for are shorter.
const DECIDED_MAX: usize = 5_000;
/// A page of integration logs may make so many bytes of lines: its rows are told apart only once all of them are there.
const WHOLE_PAGE_BYTES_MAX: usize = 8 << 20;

impl<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'_, S, D, T, K> {
    /// Takes a page while it arrives: its new records go to the batch, and the gap moves on at its end. Returns whether that is the
    /// gap's end.
    pub(super) async fn take(
        &mut self,
        gap: &mut Gap,
        mut page: OpenPage<'_>,
        (request, page_rows): (&Request, u32),
        sight: &mut Sight,
        batch: &mut Batch,
    ) -> Result<bool, Error> {
        let workspace = gap.walk.workspace().map(str::to_owned);
        self.decided.clear();
        let mut ahead = gap.clone();
        let (mut so_far, mut block, mut conflicts) = (PageSoFar::default(), Block::default(), Conflicts::default());
        while page.advance().await? {
            let (id, content) = block.read(self.stream.log, workspace.as_deref(), &page.row(), &self.lines);
            block.rows.last().into_iter().for_each(|row| sight.progress.row(row, gap.reach()));
            if ahead.takes_pages_whole() {
                if block.bytes() > WHOLE_PAGE_BYTES_MAX {
                    return Err(too_large(request, TooLarge::Rows));
                }
                continue;
            }
            conflicts.note(id, content);
            if block.is_full(self.limits.batch_bytes) {
                let wanted = ahead.take_rows(&mut so_far, &block.rows);
                self.keep(&ahead, &block, &wanted, sight, batch).await?;
                block.clear();
                if batch.bytes() >= self.limits.batch_bytes {
                    self.append(batch).await?;
                }
                page.release();
                if (self.limits.out_of_time)() {
                    return Err(out_of_time(request));
                }
            }
        }
        let end = match page.end(self.now) {
            Ok(end) => end,
            Err(refusal) => {
                // What it says of itself cannot be used, and its rows are rows.
                let wanted = ahead.take_rows(&mut so_far, &block.rows);
                self.keep(&ahead, &block, &wanted, sight, batch).await?;
                return Err(refused(refusal));
            }
        };
        self.report.pages += 1;
        self.report.conflicting += conflicts.count;
        let step = ahead.end_page(&mut self.cursor.sorted_by, sight, so_far, (&block.rows, page_rows), &end);
        self.keep(&ahead, &block, &step.wanted, sight, batch).await?;
        self.decided.clear();
        *gap = ahead;
        Ok(step.done)
    }

    /// Adds to the batch what is new among the wanted rows of a block.
    async fn keep(
        &mut self,
        gap: &Gap,
        block: &Block,
        wanted: &[Wanted],
        sight: &mut Sight,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let believed = self.now.plus(CLOCK_SKEW_SECONDS);
        let shown = block.rows.iter().filter_map(|row| row.time).filter(|time| *time <= believed).max();
        self.report.newest_shown = self.report.newest_shown.max(shown);
        let mut days: BTreeMap<Day, Vec<Wanted>> = BTreeMap::new();
        for (index, id) in wanted {
            days.entry(block.kept_at(*index).day()).or_default().push((*index, *id));
        }
        for (day, records) in days.into_iter().rev() {
            let stored = self.stored_of(day, block, &records).await?;
            for (index, id) in records.into_iter().filter(|(_, id)| !stored.contains(id)) {
                let time = block.kept_at(index);
                let mut counts = block.lines[index].counts;
                if matches!(gap.kind, GapKind::Live | GapKind::Reread)
                    && block.rows[index].time.is_some_and(|time| self.was_passed(gap, time))
                {
                    counts = Counts { late: 1, late_oldest: Some(time), ..counts };
                }
                if batch.add(id, time, block.line(index), block.lines[index].id_at, counts) {
                    sight.progress.record_is_new();
                    if counts.late > 0 {
                        self.memory.overlap.note_late(self.now.since(time), self.now);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether earlier ticks have read all that Slack showed of this second.
    fn was_passed(&self, gap: &Gap, time: Second) -> bool {
        // Of a workspace that could not be read: when this walk entered it, or since.
        let workspace = gap.walk.workspace().and_then(|id| self.cursor.workspaces.get(id));
        let missing_from = [gap.walk.missing_from(), workspace.and_then(|state| state.missing_from)];
        if missing_from.into_iter().flatten().any(|from| time >= from) {
            return false;
        }
        let is_unread = |gap: &Gap| {
            let since = gap.uncollected_since.map_or(gap.oldest, |since| since.max(gap.oldest));
            matches!(gap.kind, GapKind::Live | GapKind::Backlog) && (since..=gap.latest).contains(&time)
        };
        self.passed.is_some_and(|passed| time < passed) && !self.cursor.gaps.iter().any(is_unread)
    }

    /// Which of these records of a day its day log holds. Decided day by day, for opening one may close another.
    async fn stored_of(&mut self, day: Day, block: &Block, records: &[Wanted]) -> Result<HashSet<RowId>, Error> {
        let ids = || records.iter().map(|(_, id)| *id);
        if ids().all(|id| self.memory.settled.contains(&id)) {
            self.note_decided(ids());
            return Ok(ids().collect());
        }
        let times = || records.iter().map(|(index, _)| block.kept_at(*index));
        let range = times().min().unwrap_or(day.start())..=times().max().unwrap_or(day.end());
        let (store, day_logs) = (&self.ports.day_logs, &mut self.memory.day_logs);
        let opened = day_logs.open(store, &self.cursor.heads, day, range, self.limits).await;
        if matches!(&opened, Err(error) if error.remedy == ErrorKind::Investigate) {
            // Somebody will move or restore objects: then the day log is listed anew, whatever we took for its head.
            day_logs.close(day);
            self.cursor.heads.remove(&day);
        }
        let known_from = opened?;
        let names = |(index, id): &Wanted| [Some(*id), block.lines[*index].alias].into_iter().flatten();
        let mut stored = HashSet::new();
        let mut unknown = HashSet::new();
        for record in records {
            if names(record).any(|id| day_logs.holds(day, &id)) {
                stored.insert(record.1);
            } else if block.kept_at(record.0) < known_from {
                unknown.extend(names(record));
            }
        }
        if !unknown.is_empty() {
            let found = day_logs.stored_among(store, day, &unknown, self.limits).await?;
            stored
                .extend(records.iter().filter(|record| names(record).any(|id| found.contains(&id))).map(|(_, id)| *id));
        }
        self.note_decided(ids());
        Ok(stored)
    }

    /// Notes rows of the page under way that are stored, or will be with the batch.
    fn note_decided(&mut self, ids: impl Iterator<Item = RowId>) {
        let room = DECIDED_MAX.saturating_sub(self.decided.len());
        self.decided.extend(ids.take(room));
    }
}

/// A refusal that came after rows: they are read again by a later tick.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Error(error) => error,
        Refusal::NoSuchPage => no_page("there is no such page"),
        Refusal::StalePageCursor => no_page("it refused its own page cursor"),
    }
}

fn out_of_time(request: &Request) -> Error {
    Error::slack(
        ErrorKind::Retry,
        "page_unfinished",
        format!("reading a page of `{}`: the tick's time ran out; what was read is stored", request.method),
        "wait for the next tick, which asks for a smaller page; if this persists, increase `PollerMemory` to get more CPU",
    )
}
