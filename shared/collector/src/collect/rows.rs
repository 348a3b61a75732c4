//! Reads the rows of a page: they go into blocks, new records into the batch, and full batches into day logs.

use std::collections::{BTreeMap, HashSet};

use super::Collector;
use super::page::OpenPage;
use crate::day_log;
use slacktrail_core::batch::Batch;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::record::RowId;
use slacktrail_core::slack::{Request, TooLarge, too_large};
use slacktrail_core::stream::{ActiveGap, Block, Conflicts};
use slacktrail_core::time::Day;
use slacktrail_core::walk::{Gap, MatchedRecord, PageContext, PageSoFar};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};

/// Maximum number of checked IDs to keep for a page that takes several ticks. Pages of the requested size have fewer rows.
const CHECKED_IDS_MAX: usize = 5_000;
/// Maximum bytes of lines from one page of integration logs, which is buffered because only the whole page distinguishes its rows.
const WHOLE_PAGE_BYTES_MAX: usize = 8 << 20;

impl<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'_, S, D, T, K> {
    /// Reads the rows of a page while they arrive. Adds new records to the batch, and advances the gap at the end of the page. Until then,
    /// it works on a copy of the gap, so that a page that breaks off is read again.
    ///
    /// Returns `true` if the gap, or its current workspace, is at its end.
    pub(super) async fn read_rows(
        &mut self,
        active: &mut ActiveGap,
        mut page: OpenPage<'_>,
        (request, page_rows): (&Request, u32),
        batch: &mut Batch,
    ) -> Result<bool, Error> {
        let ActiveGap { gap, context, .. } = active;
        self.checked_ids.clear();
        let mut ahead = gap.clone();
        let mut so_far = PageSoFar::until(page.response.latest_row_time(self.now));
        let (mut block, mut conflicts) = (Block::default(), Conflicts::default());
        while page.advance().await? {
            let (id, content) = block.read(self.stream.log, gap.workspace_id(), &page.row(), &self.lines);
            block.rows.last().into_iter().for_each(|row| context.progress.row(row, gap.oldest_wanted()));
            if ahead.processes_whole_pages() {
                if block.bytes() > WHOLE_PAGE_BYTES_MAX {
                    return Err(too_large(request, TooLarge::Rows));
                }
                continue;
            }
            conflicts.add(id, content);
            if block.is_full(self.limits.batch_bytes) {
                let matched = ahead.process_rows(&mut so_far, &block.rows);
                self.keep(&ahead, &block, &matched, context, batch).await?;
                block.clear();
                if batch.bytes() >= self.limits.batch_bytes {
                    self.append(batch).await?;
                }
                page.release();
                if (self.limits.deadline_reached)() {
                    return Err(page_unfinished(request));
                }
            }
        }
        let end = match page.end(self.now) {
            Ok(end) => end,
            Err(page_error) => {
                // The fields beside the rows are unusable, but the rows are valid.
                let matched = ahead.process_rows(&mut so_far, &block.rows);
                self.keep(&ahead, &block, &matched, context, batch).await?;
                return Err(page_error.into_error());
            }
        };
        self.tick.counts().pages += 1;
        self.tick.counts().conflicting += conflicts.count;
        let outcome = self.tick.advance(&mut ahead, context, so_far, (&block.rows, page_rows), &end);
        self.keep(&ahead, &block, &outcome.matched, context, batch).await?;
        self.checked_ids.clear();
        *gap = ahead;
        Ok(outcome.done)
    }

    /// Adds the new records among the matched rows of a block to the batch.
    async fn keep(
        &mut self,
        gap: &Gap,
        block: &Block,
        matched: &[MatchedRecord],
        context: &mut PageContext,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        self.tick.see_rows(block);
        let mut days: BTreeMap<Day, Vec<MatchedRecord>> = BTreeMap::new();
        for (index, id) in matched {
            days.entry(block.partition_time(*index).day()).or_default().push((*index, *id));
        }
        for (day, records) in days.into_iter().rev() {
            let stored = self.stored_of(day, block, &records).await?;
            for record in records.into_iter().filter(|(_, id)| !stored.contains(id)) {
                self.tick.add_record(gap, context, block, record, batch);
            }
        }
        Ok(())
    }

    /// Returns those of the records of one day that its day log contains. Called day by day, because loading one day's IDs may evict another's.
    async fn stored_of(&mut self, day: Day, block: &Block, records: &[MatchedRecord]) -> Result<HashSet<RowId>, Error> {
        let ids = || records.iter().map(|(_, id)| *id);
        if ids().all(|id| self.ids.known_stored.contains(&id)) {
            self.add_checked(ids());
            return Ok(ids().collect());
        }
        let times = || records.iter().map(|(index, _)| block.partition_time(*index));
        let range = times().min().unwrap_or(day.start())..=times().max().unwrap_or(day.end());
        let (store, day_logs) = (&self.ports.day_logs, &mut self.ids.day_logs);
        let opened = day_log::load_ids(store, day_logs, self.tick.last_objects(), day, range, self.limits).await;
        if matches!(&opened, Err(error) if error.kind == ErrorKind::Investigate) {
            // An operator will move or restore objects, so list the day log again next time.
            day_logs.remove(day);
            self.tick.clear_last_object(day);
        }
        let known_from = opened?;
        let names = |(index, id): &MatchedRecord| [Some(*id), block.lines[*index].alias].into_iter().flatten();
        let mut stored = HashSet::new();
        let mut unknown = HashSet::new();
        for record in records {
            if names(record).any(|id| day_logs.holds(day, &id)) {
                stored.insert(record.1);
            } else if block.partition_time(record.0) < known_from {
                unknown.extend(names(record));
            }
        }
        if !unknown.is_empty() {
            let found = day_log::find_stored(store, day_logs, day, &unknown, self.limits).await?;
            stored
                .extend(records.iter().filter(|record| names(record).any(|id| found.contains(&id))).map(|(_, id)| *id));
        }
        self.add_checked(ids());
        Ok(stored)
    }

    /// Records IDs of the current page that are stored, or will be with the batch.
    fn add_checked(&mut self, ids: impl Iterator<Item = RowId>) {
        let room = CHECKED_IDS_MAX.saturating_sub(self.checked_ids.len());
        self.checked_ids.extend(ids.take(room));
    }
}

fn page_unfinished(request: &Request) -> Error {
    Error::slack(
        "page_unfinished",
        format!("reading a page of `{}`: the tick ran out of time; the records read so far are stored", request.method),
    )
}
